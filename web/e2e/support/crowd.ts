// Very many jobs, through the API as anybody starts them: some wait, some were canceled.

import type { Server } from "./server";

/** Mutations of one request, and requests under way at once. */
const EACH = 50;
const AT_ONCE = 16;

export class Crowd {
  /** A queue without slots only takes jobs. One request may do much. */
  static readonly config = `
[worker]
slots = 1
[queues.default]
slots = 0
max_waiting = 1000000
[limits]
mutation_root_fields = 100
query_aliases = 200
query_tokens = 20000
requests_per_second = 1000000
requests_at_once = 1000
[kinds.work]
command = ["true"]
[kinds.rare]
command = ["true"]
`;

  /** One of them, from the middle. */
  readonly id: string;

  private constructor(id: string) {
    this.id = id;
  }

  /** Three of four are canceled again. */
  static async fill(server: Server, count: number): Promise<Crowd> {
    let id = "";
    let left = count;
    const one = async () => {
      while (left > 0) {
        const number = Math.min(EACH, left);
        left -= number;
        const ids = await startMany(server, number);
        if (id === "" || left >= count / 2) {
          id = ids[0] ?? id;
        }
        await cancelMany(server, ids.slice(0, Math.floor((number * 3) / 4)));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return new Crowd(id);
  }
}

/** Starts so many by one request; their ids. */
export async function startMany(server: Server, number: number): Promise<string[]> {
  const fields = Array.from(
    { length: number },
    (_, i) =>
      `a${i}: startJob(input: {kind: "${i === 0 ? "rare" : "work"}", labels: [{key: "team", value: "red"}]}) { job { id } }`,
  );
  const data = await server.ask<Record<string, { job: { id: string } }>>(`mutation { ${fields.join(" ")} }`);
  return Object.values(data).map(({ job }) => job.id);
}

/** Cancels these by one request. */
export async function cancelMany(server: Server, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) {
    const fields = ids.map((id, i) => `a${i}: cancelJob(id: "${id}") { changed }`);
    await server.ask(`mutation { ${fields.join(" ")} }`);
  }
}
