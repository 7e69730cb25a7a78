// Saves all jobs that match, or as many as a browser holds, as a file.

import { useRef, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { save } from "../../components/save";
import { readUncached } from "../../graphql/client";
import { ExportPageDocument, type JobFilter } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { count } from "../../time/format";
import { type Format, head, MAX_EXPORTED, row } from "./export";
import { type JobsSearch, jobFilter } from "./search";

const FORMATS: readonly { format: Format; words: string; type: string }[] = [
  { format: "csv", words: "Save as CSV", type: "text/csv" },
  { format: "ndjson", words: "Save as NDJSON", type: "application/x-ndjson" },
];
/** Jobs of a page that is asked for. */
const PAGE = 100;

export function Export({ search }: { search: JobsSearch }) {
  const [so, setSo] = useState<{ number: number; isBusy: boolean; isCut: boolean } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const isStopped = useRef(false);

  const run = async (format: Format, type: string) => {
    isStopped.current = false;
    setProblem(null);
    setSo({ number: 0, isBusy: true, isCut: false });
    const read = await all(jobFilter(search), format, (number) => {
      setSo({ number, isBusy: true, isCut: false });
      return !isStopped.current;
    });
    if ("problem" in read) {
      setProblem(read.problem);
      setSo(null);
    } else if (isStopped.current) {
      setSo(null);
    } else {
      save(new Blob(read.parts, { type }), `jobs.${format}`);
      setSo({ number: read.number, isBusy: false, isCut: read.isCut });
    }
  };

  return (
    <>
      <span className="export">
        {so?.isBusy === true ? (
          <button
            type="button"
            onClick={() => {
              isStopped.current = true;
            }}
          >
            Stop saving
          </button>
        ) : (
          FORMATS.map(({ format, words, type }) => (
            <button key={format} type="button" onClick={() => void run(format, type)}>
              {words}
            </button>
          ))
        )}
        <span className="note" role="status">
          {so !== null && told(so)}
        </span>
      </span>
      {problem !== null && <ProblemNote what="The jobs could not be saved" problem={problem} />}
    </>
  );
}

function told({ number, isBusy, isCut }: { number: number; isBusy: boolean; isCut: boolean }): string {
  const jobs = number === 1 ? "1 job" : `${count(number)} jobs`;
  if (isBusy) {
    return `${jobs}…`;
  }
  return isCut ? `The newest ${jobs} saved: a filter makes them fewer.` : `${jobs} saved.`;
}

/** The text of all that match, newest first; `report` says whether to go on. */
async function all(
  filter: JobFilter,
  format: Format,
  report: (number: number) => boolean,
): Promise<{ parts: string[]; number: number; isCut: boolean } | { problem: Problem }> {
  const parts = [head(format)];
  let number = 0;
  let after: string | null = null;
  for (;;) {
    const { data, problem }: Awaited<ReturnType<typeof page>> = await page(filter, after);
    if (data === null) {
      return { problem: problem as Problem };
    }
    const { nodes, pageInfo } = data.jobs;
    parts.push(nodes.map((job) => row(job, format)).join(""));
    number += nodes.length;
    after = pageInfo.endCursor;
    const isOver = !pageInfo.hasNextPage || after === null;
    if (isOver || number >= MAX_EXPORTED || !report(number)) {
      return { parts, number, isCut: !isOver };
    }
  }
}

function page(filter: JobFilter, after: string | null) {
  return readUncached(ExportPageDocument, { filter, first: PAGE, after });
}
