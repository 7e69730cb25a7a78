// The state of a job as a word in a colour, never as a colour alone.

import type { JobState } from "../graphql/generated";

const WORDS: Record<JobState, string> = {
  QUEUED: "Queued",
  RUNNING: "Running",
  CANCELING: "Canceling",
  SUCCEEDED: "Succeeded",
  FAILED: "Failed",
  CANCELED: "Canceled",
};

/** The word for a state; a state of a later server stands for itself. */
export function stateWord(state: JobState): string {
  return WORDS[state] ?? state;
}

export function StateWord({ state }: { state: JobState }) {
  return <span className={`state state-${state.toLowerCase()}`}>{stateWord(state)}</span>;
}
