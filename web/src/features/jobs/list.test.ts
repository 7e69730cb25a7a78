// The list follows from what was heard, whatever the order, and holds still when it is asked to.

import { expect, test } from "vitest";
import type { JobState } from "../../graphql/generated";
import {
  type FeedEvent,
  heard,
  type List,
  loaded,
  MAX_ROWS,
  PAGE_SIZE,
  type Row,
  renewed,
  settled,
  startedOver,
  told,
  unseen,
} from "./list";

const AS_OF = Date.parse("2026-11-25T12:00:00.000Z");

/** The job that was accepted `number` seconds after the page was read; negative: before. */
function job(number: number, state: JobState = "QUEUED", seq = 1): Row {
  return {
    id: `id-${String(1_000 + number).padStart(5, "0")}`,
    seq,
    state,
    kind: { id: "kind:demo", name: "demo", title: null },
    queue: { id: "queue:default", name: "default" },
    createdAt: new Date(AS_OF + number * 1_000).toISOString(),
    startedAt: null,
    endedAt: null,
    reasonText: null,
    attempt: 0,
    maxAttempts: 1,
    exitCode: null,
    signal: null,
    startedBy: null,
    worker: null,
    labels: [],
    progress: null,
  };
}

function event(row: Row, matches = true): FeedEvent {
  return { jobId: row.id, change: "UPDATED", matches, job: row };
}

function page(rows: Row[], { newer = false, older = false } = {}): List {
  const pageInfo = { startCursor: "s", endCursor: "e", hasPreviousPage: newer, hasNextPage: older };
  return loaded({ feedCursor: "f", pageInfo, nodes: rows }, AS_OF);
}

const numbers = (rows: readonly Row[]) => rows.map((row) => (Date.parse(row.createdAt) - AS_OF) / 1_000);

test("a change replaces its row in place", () => {
  const list = heard(page([job(-1), job(-2)]), [event(job(-2, "RUNNING", 3))], false);
  expect(list.rows.map((row) => row.state)).toEqual(["QUEUED", "RUNNING"]);
});

test("new rows stand before the others, newest first, whatever order they came in", () => {
  const list = heard(page([job(-1)]), [event(job(2)), event(job(1))], false);
  expect(numbers(list.rows)).toEqual([2, 1, -1]);
});

test("while it is held nothing moves: new rows wait, rows that no longer match stay and are marked", () => {
  const list = heard(page([job(-1), job(-2)]), [event(job(1)), event(job(-2, "FAILED", 4), false)], true);
  expect(numbers(list.rows)).toEqual([-1, -2]);
  expect([...list.gone]).toEqual([job(-2).id]);
  expect(unseen(list)).toBe(1);
  expect(numbers(settled(list).rows)).toEqual([1, -1]);
  expect(unseen(settled(list))).toBe(0);
});

test("a row that waits is kept current, and goes when it no longer matches", () => {
  const waiting = heard(page([]), [event(job(1)), event(job(2))], true);
  const list = heard(waiting, [event(job(1, "RUNNING", 2)), event(job(2, "RUNNING", 2), false)], true);
  expect(settled(list).rows.map((row) => row.state)).toEqual(["RUNNING"]);
});

test("a row that matches again is no longer marked", () => {
  const gone = heard(page([job(-1)]), [event(job(-1, "FAILED", 2), false)], true);
  const back = heard(gone, [event(job(-1, "QUEUED", 3))], true);
  expect(back.gone.size).toBe(0);
  expect(numbers(settled(back).rows)).toEqual([-1]);
});

test("a job that was removed takes its row with it", () => {
  const removed: FeedEvent = { jobId: job(-1).id, change: "REMOVED", matches: false, job: null };
  expect(heard(page([job(-1), job(-2)]), [removed], false).rows.map((row) => row.id)).toEqual([job(-2).id]);
});

test("what belongs to a later page is left to it, unless this is the last one", () => {
  expect(numbers(heard(page([job(-1)], { older: true }), [event(job(-9))], true).waiting)).toEqual([]);
  expect(numbers(heard(page([job(-1)]), [event(job(-9))], false).rows)).toEqual([-1, -9]);
});

test("on a page before which there are others, new jobs are counted once and not shown; old ones are not counted", () => {
  const list = heard(
    page([job(-5)], { newer: true }),
    [event(job(1)), event(job(1, "RUNNING", 2)), event(job(-3))],
    false,
  );
  expect(numbers(list.rows)).toEqual([-5]);
  expect(unseen(list)).toBe(1);
});

test("a held flood of new jobs is counted and no more kept than a page", () => {
  const list = heard(
    page([job(-1)]),
    Array.from({ length: 80 }, (_, index) => event(job(index + 1))),
    true,
  );
  expect(list.waiting).toHaveLength(PAGE_SIZE);
  expect(unseen(list)).toBe(80);
  expect(list.stale).toBe(true);
});

test("more new rows at once than a page has are counted, and move nothing before the page is read again", () => {
  const ends = [event(job(-1, "CANCELED", 9)), event(job(-2, "FAILED", 10), false)];
  const flood = Array.from({ length: 200 }, (_, index) => event(job(index + 1)));
  const list = heard(page([job(-1), job(-2), job(-3)]), [...flood, ...ends], false);
  expect(numbers(list.rows)).toEqual([-1, -3]);
  // What happened to the rows themselves is shown all the same.
  expect(list.rows[0]?.state).toBe("CANCELED");
  expect(unseen(list)).toBe(200);
  expect(list.stale).toBe(true);
});

test("what is told beside the feed changes its row only, whether it is shown or waits", () => {
  const list = heard(page([job(-1), job(-2)]), [event(job(1))], true);
  const next = told(told(list, job(-2, "RUNNING", 3)), job(1, "RUNNING", 4));
  expect(next.rows.map((row) => row.state)).toEqual(["QUEUED", "RUNNING"]);
  expect(next.waiting.map((row) => row.state)).toEqual(["RUNNING"]);
  expect(next.rows[0]).toBe(list.rows[0]);
  expect(told(next, job(-9))).toBe(next);
});

test("no row goes back: not by the feed, not by what is told beside it, not by a page that was on its way", () => {
  const list = told(page([job(-1)]), job(-1, "SUCCEEDED", 5));
  const older = job(-1, "RUNNING", 4);
  expect(heard(list, [event(older)], false).rows[0]?.state).toBe("SUCCEEDED");
  expect(told(list, older).rows[0]?.state).toBe("SUCCEEDED");
  expect(renewed(list, page([older])).rows[0]?.state).toBe("SUCCEEDED");
  // Of one seq, what came later is the newer: its progress.
  const progress = { percent: 70, current: null, total: null, message: "", updatedAt: older.createdAt };
  expect(told(list, { ...job(-1, "SUCCEEDED", 5), progress }).rows[0]?.progress?.percent).toBe(70);
});

test("after a lost connection an older copy of the data is right", () => {
  const list = startedOver(heard(page([job(-1, "SUCCEEDED", 9)]), [event(job(1, "RUNNING", 9))], true));
  const back = heard(list, [event(job(-1, "RUNNING", 4)), event(job(1, "QUEUED", 3))], true);
  expect(back.rows[0]?.state).toBe("RUNNING");
  expect(back.waiting[0]?.state).toBe("QUEUED");
});

test("a message of nothing changes nothing, and draws nothing", () => {
  const list = page([job(-1)]);
  expect(heard(list, [], false)).toBe(list);
});

test("a live page is bounded and asks to be read again", () => {
  let list = page([]);
  for (let round = 0; round < 10; round += 1) {
    list = heard(
      list,
      Array.from({ length: 40 }, (_, index) => event(job(1 + round * 40 + index))),
      false,
    );
  }
  expect(list.rows).toHaveLength(MAX_ROWS);
  expect(list.stale).toBe(true);
  expect(numbers(list.rows)[0]).toBe(400);
});

test("a page that emptied though there is more asks to be read again", () => {
  const rows = Array.from({ length: 30 }, (_, index) => job(-1 - index));
  const ends = rows.slice(0, 10).map((row) => event({ ...row, seq: 2 }, false));
  expect(heard(page(rows, { older: true }), ends, false).stale).toBe(true);
  expect(heard(page(rows), ends, false).stale).toBe(false);
});
