// The log as a file, or one stream of it: a plain link, which the browser loads by itself, or a button where the server
// asks for a token.

import { useState } from "react";
import type { LogStream } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useAccess } from "../../graphql/useAccess";
import { addressOf, download, nameOf } from "./download";

interface Props {
  id: string;
  /** null: all. */
  stream: LogStream | null;
  /** null: what went wrong before is over. */
  onProblem(problem: Problem | null): void;
}

export function Download({ id, stream, onProblem }: Props) {
  const { token } = useAccess();
  const [isBusy, setBusy] = useState(false);
  const what = stream === null ? "log" : stream.toLowerCase();
  if (token === null) {
    return (
      <a className="button" href={addressOf(id, stream)} download={nameOf(id, stream)}>
        Download {what}
      </a>
    );
  }
  const save = async () => {
    setBusy(true);
    onProblem(await download(id, stream));
    setBusy(false);
  };
  return (
    <button type="button" disabled={isBusy} onClick={() => void save()}>
      {isBusy ? "Downloading…" : `Download ${what}`}
    </button>
  );
}
