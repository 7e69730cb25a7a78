// The list of jobs, live.

import { Link, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { ProblemNote } from "../components/Problem";
import { useTitle } from "../components/useTitle";
import { BulkBar } from "../features/jobs/BulkBar";
import { Export } from "../features/jobs/Export";
import { Filters } from "../features/jobs/Filters";
import { JobsTable } from "../features/jobs/JobsTable";
import { type List, MAX_BEYOND, unseen } from "../features/jobs/list";
import { firstPage, isFiltered, type JobsSearch, jobFilter } from "../features/jobs/search";
import { useJobs } from "../features/jobs/useJobs";
import { useRowProgress } from "../features/jobs/useRowProgress";
import { CopyAs } from "../features/ways/CopyAs";
import { listWays } from "../features/ways/ways";
import "../features/jobs/jobs.css";
import { ChoicesDocument, type ChoicesQuery } from "../graphql/generated";
import { useRead } from "../graphql/useRead";
import { count } from "../time/format";

const NO_VARIABLES = {};
const NO_ROWS: List["rows"] = [];
/** So far down, the reader looks at rows that must not move. */
const AT_TOP_PX = 40;

export function JobsPage() {
  useTitle("Jobs");
  const search = useSearch({ from: "/" });
  const isPointed = useRef(false);
  const jobs = useJobs(search, () => isPointed.current || window.scrollY > AT_TOP_PX);
  // The rows come first.
  const choices = useRead(ChoicesDocument, NO_VARIABLES, jobs.list !== null || jobs.problem !== null);
  useRowProgress(jobs.list?.rows ?? NO_ROWS, jobs.hear);
  const { settle } = jobs;

  useEffect(() => {
    const onScroll = () => {
      if (window.scrollY <= AT_TOP_PX && !isPointed.current) {
        settle();
      }
    };
    window.addEventListener("scroll", onScroll, { passive: true });
    return () => window.removeEventListener("scroll", onScroll);
  }, [settle]);

  const onPointer = useCallback(
    (isInside: boolean) => {
      isPointed.current = isInside;
      if (!isInside && window.scrollY <= AT_TOP_PX) {
        settle();
      }
    },
    [settle],
  );

  const showNew = () => {
    window.scrollTo({ top: 0 });
    if (jobs.list !== null && jobs.list.beyond.size > 0) {
      jobs.reload();
    } else {
      settle();
    }
  };

  return (
    <>
      <div className="page-head">
        <h1>Jobs</h1>
        <CopyAs
          title="This list by other ways"
          choices={[{ name: "List", of: (target) => listWays(target, jobFilter(search)) }]}
        />
        <Link to="/start" className="button primary end" search={{ kind: search.kind }}>
          Start a job
        </Link>
      </div>
      <Filters search={search} choices={choices.data} />
      {jobs.problem !== null && (
        <ProblemNote what="The jobs could not be read" problem={jobs.problem} onRetry={jobs.reload} />
      )}
      {jobs.list !== null && (
        // What comes by itself in a moment needs no button, which would move the rows for that moment.
        <New
          list={jobs.list}
          number={jobs.readsAgain ? 0 : unseen(jobs.list)}
          search={search}
          onShow={showNew}
        />
      )}
      {jobs.list === null && jobs.problem === null && (
        <p className="empty" role="status">
          Reading the jobs…
        </p>
      )}
      {jobs.list !== null && jobs.list.rows.length === 0 && <Empty search={search} choices={choices.data} />}
      {jobs.list !== null && jobs.list.rows.length > 0 && (
        <Rows
          // What was selected in one list is not in another.
          key={JSON.stringify(firstPage(search))}
          list={jobs.list}
          search={firstPage(search)}
          onPointer={onPointer}
        />
      )}
      {jobs.list !== null && <Pages list={jobs.list} search={search} />}
      {jobs.list !== null && jobs.list.rows.length > 0 && (
        // Another key than its sibling's: React shows what shares one twice.
        <Export key={`export ${JSON.stringify(firstPage(search))}`} search={firstPage(search)} />
      )}
    </>
  );
}

interface RowsProps {
  list: List;
  search: JobsSearch;
  onPointer(isInside: boolean): void;
}

function Rows({ list, search, onPointer }: RowsProps) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const onSelect = useCallback(
    (id: string, isOn: boolean) =>
      setSelected((before) => new Set(isOn ? [...before, id] : [...before].filter((one) => one !== id))),
    [],
  );
  return (
    <>
      <BulkBar search={search} selected={selected} onDone={() => setSelected(new Set())} />
      <JobsTable list={list} selected={selected} onSelect={onSelect} onPointer={onPointer} />
    </>
  );
}

interface NewProps {
  list: List;
  /** So many are not shown. */
  number: number;
  search: JobsSearch;
  onShow(): void;
}

/** New rows wait here where they would move what is looked at. */
function New({ list, number, search, onShow }: NewProps) {
  const words = `${count(number)}${list.beyond.size >= MAX_BEYOND ? "+" : ""} new`;
  return (
    <div className="new" role="status">
      {number > 0 &&
        (list.hasNewer ? (
          <Link to="/" search={firstPage(search)} className="button">
            {words}: show the newest
          </Link>
        ) : (
          <button type="button" onClick={onShow}>
            {words}
          </button>
        ))}
    </div>
  );
}

function Pages({ list, search }: { list: List; search: JobsSearch }) {
  const isElsewhere = search.after !== undefined || search.before !== undefined;
  if (!list.hasNewer && !list.hasOlder && !isElsewhere) {
    return null;
  }
  const filter = firstPage(search);
  return (
    <nav className="pages" aria-label="Pages of the list">
      {isElsewhere && (
        <Link to="/" search={filter} className="button">
          Newest
        </Link>
      )}
      {list.hasNewer && list.startCursor !== null && (
        <Link to="/" search={{ ...filter, before: list.startCursor }} className="button">
          ← Newer
        </Link>
      )}
      {list.hasOlder && list.endCursor !== null && (
        <Link to="/" search={{ ...filter, after: list.endCursor }} className="button">
          Older →
        </Link>
      )}
    </nav>
  );
}

function Empty({ search, choices }: { search: JobsSearch; choices: ChoicesQuery | null }) {
  if (isFiltered(search)) {
    return (
      <div className="empty">
        <p>No job matches the filter.</p>
        <Link to="/">Show all jobs</Link>
      </div>
    );
  }
  if (search.after !== undefined || search.before !== undefined) {
    return (
      <div className="empty">
        <p>Nothing is left on this page.</p>
        <Link to="/">Show the newest jobs</Link>
      </div>
    );
  }
  const names = choices?.kinds.map((kind) => kind.name) ?? [];
  const kind = names.includes("demo") ? "demo" : (names[0] ?? "KIND");
  return (
    <div className="empty">
      <p>No jobs yet. Start the first one by command:</p>
      <pre>
        <code>
          longhaul --server {window.location.origin} run {kind}
        </code>
      </pre>
      <p>
        or <Link to="/start">start one here</Link>. It appears in this list by itself.
      </p>
    </div>
  );
}
