// The last hour is cut where it should be.

import { expect, test } from "vitest";
import { hourBefore, PART_MS, PARTS, parts, waits } from "./lastHour";

const noon = Date.parse("2026-11-25T12:00:00.000Z");

test("the hour holds this very moment, and stays the same for a minute", () => {
  expect(hourBefore(noon)).toBe(hourBefore(noon + 59_999));
  expect(hourBefore(noon + 60_000)).toBe(hourBefore(noon) + 60_000);
  expect(hourBefore(noon) + PARTS * PART_MS).toBeGreaterThan(noon);
});

test("the parts follow each other without a hole", () => {
  const filters = Object.values(parts(hourBefore(noon))) as { createdAfter: string; createdBefore: string }[];
  expect(filters).toHaveLength(PARTS);
  for (const [index, filter] of filters.slice(1).entries()) {
    expect(filter.createdAfter).toBe(filters[index]?.createdBefore);
  }
});

test("of one queue, where one is named", () => {
  expect(parts(noon).b3).not.toHaveProperty("queues");
  expect(parts(noon, "slow").b3).toMatchObject({ queues: ["slow"] });
});

test("only first attempts that began in the hour tell a wait, oldest first", () => {
  const job = (id: string, started: number | null, attempt: number) => ({
    id,
    attempt,
    createdAt: new Date(noon - 5_000).toISOString(),
    startedAt: started === null ? null : new Date(started).toISOString(),
    endedAt: null,
  });
  const jobs = [job("a", noon + 2, 1), job("b", noon + 1, 1), job("c", noon + 3, 2), job("d", null, 0)];
  expect(waits([...jobs, job("e", noon - 1, 1)], noon)).toEqual([
    { at: noon + 1, ms: 5_001 },
    { at: noon + 2, ms: 5_002 },
  ]);
});
