// Goes to the first error of a log.

import { useEffect, useRef, useState } from "react";
import type { Problem } from "../../graphql/problem";
import { count } from "../../time/format";
import { FIND_PAGE, type Found } from "./finder";
import { firstError } from "./firstError";
import { levelsOf } from "./useLog";
import type { Scroll } from "./useScroll";

interface Props {
  id: string;
  scroll: Scroll;
  /** Marks the line that was found. */
  onFound(line: Found): void;
  onProblem(problem: Problem | null): void;
}

export function FirstError({ id, scroll, onFound, onProblem }: Props) {
  const [words, setWords] = useState("");
  const [isBusy, setBusy] = useState(false);
  const isWanted = useRef(false);
  // Whoever leaves the log no longer looks for it.
  useEffect(
    () => () => {
      isWanted.current = false;
    },
    [],
  );

  const look = async () => {
    isWanted.current = true;
    setBusy(true);
    setWords("");
    const looked = await firstError(levelsOf(id), FIND_PAGE, (lines) => {
      setWords(`${count(lines)} lines looked at…`);
      return isWanted.current;
    });
    if (!isWanted.current) {
      setBusy(false);
      setWords("");
      return;
    }
    isWanted.current = false;
    setBusy(false);
    onProblem("problem" in looked ? looked.problem : null);
    setWords("problem" in looked ? "" : found(looked));
    if ("at" in looked && looked.at !== null) {
      onFound(looked.at);
      scroll.toLine(looked.at.cursor);
    }
  };

  const stop = () => {
    isWanted.current = false;
  };

  return (
    <>
      <button type="button" onClick={isBusy ? stop : () => void look()}>
        {isBusy ? "Stop looking" : "First error"}
      </button>
      <span className="note log-looked" role="status">
        {words}
      </span>
    </>
  );
}

function found(looked: { at: null } | { at: { number: number }; isSure: boolean }): string {
  if (looked.at === null) {
    return "No line tells an error.";
  }
  const line = `Line ${count(looked.at.number)}`;
  return looked.isSure ? `${line}.` : `No line tells an error. ${line} is the first on standard error.`;
}
