// The log as a file: a plain link, which the browser loads by itself, or a button where the server asks for a token.

import { useState } from "react";
import { useAccess } from "../../graphql/access";
import type { Problem } from "../../graphql/problem";
import { addressOf, download } from "./download";

interface Props {
  id: string;
  /** null: what went wrong before is over. */
  onProblem(problem: Problem | null): void;
}

export function Download({ id, onProblem }: Props) {
  const { token } = useAccess();
  const [isBusy, setBusy] = useState(false);
  if (token === null) {
    return (
      <a className="button" href={addressOf(id)} download={`${id}.log`}>
        Download log
      </a>
    );
  }
  const save = async () => {
    setBusy(true);
    onProblem(await download(id));
    setBusy(false);
  };
  return (
    <button type="button" disabled={isBusy} onClick={() => void save()}>
      {isBusy ? "Downloading…" : "Download log"}
    </button>
  );
}
