// The pages that are loaded when they are wanted.

export const pages = {
  job: () => import("./JobPage"),
  overview: () => import("./OverviewPage"),
  queues: () => import("./QueuesPage"),
  kinds: () => import("./KindsPage"),
  workers: () => import("./WorkersPage"),
  tokens: () => import("./TokensPage"),
  start: () => import("./StartPage"),
};

/** What the first part of an address names; others have no page of their own. */
const NAMES: Record<string, keyof typeof pages> = {
  jobs: "job",
  overview: "overview",
  queues: "queues",
  kinds: "kinds",
  workers: "workers",
  tokens: "tokens",
  start: "start",
};

/** Begins to load the page of this address. Whoever shows it then waits for less, and says what is wrong with it. */
export function loadEarly(path: string): void {
  const name = NAMES[path.split("/")[1] ?? ""];
  if (name !== undefined) {
    pages[name]().catch(() => {});
  }
}
