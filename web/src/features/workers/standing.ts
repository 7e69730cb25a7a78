// What drains and deaths of workers mean for the jobs, in sentences. Pure.

import type { WorkersQuery } from "../../graphql/generated";

type Worker = Pick<WorkersQuery["workers"][number], "id" | "live" | "draining" | "kinds">;

const takes = (worker: Worker) => worker.live && !worker.draining;

/** Why nothing starts at all; null: something may. */
export function standstill(workers: readonly Worker[]): string | null {
  if (workers.some(takes)) {
    return null;
  }
  return workers.some((worker) => worker.live)
    ? "Every live worker drains: nothing starts until one is resumed, or another one comes."
    : "No worker lives: nothing starts until one does.";
}

/** What is to be known before this one drains. */
export function drainWords(worker: Worker, workers: readonly Worker[]): string {
  const runs = "What it runs goes on to its end. It takes nothing more until it is resumed, or starts again.";
  const others = workers.filter((other) => other.id !== worker.id && takes(other));
  if (others.length === 0) {
    return `${runs} No other worker takes jobs: nothing starts until then.`;
  }
  const elsewhere = new Set(others.flatMap((other) => other.kinds.map((kind) => kind.name)));
  const alone = worker.kinds.map((kind) => kind.name).filter((name) => !elsewhere.has(name));
  return alone.length === 0
    ? `${runs} The others take its kinds, too.`
    : `${runs} Nobody else takes jobs of ${alone.join(", ")}: they wait until then.`;
}
