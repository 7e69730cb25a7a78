// The keys that have a name of their own.

/** The second of two keys, and where they lead. */
export const PAGES = [
  { key: "j", to: "/", name: "jobs" },
  { key: "o", to: "/overview", name: "overview" },
  { key: "q", to: "/queues", name: "queues" },
  { key: "k", to: "/kinds", name: "kinds" },
  { key: "w", to: "/workers", name: "workers" },
  { key: "s", to: "/start", name: "start a job" },
] as const;

export const PALETTE_KEYS = /Mac|iP(hone|ad|od)/.test(navigator.platform) ? "⌘K" : "Ctrl K";
