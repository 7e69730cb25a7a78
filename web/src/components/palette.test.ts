// The palette offers what fits, jobs first.

import { expect, test } from "vitest";
import type { ChoicesQuery } from "../graphql/generated";
import { groups } from "./palette";

const choices: ChoicesQuery = {
  kinds: [
    { id: "kind:demo", name: "demo", title: null },
    { id: "kind:zip", name: "zip", title: "Compress" },
  ],
  queues: [{ id: "queue:default", name: "default" }],
};
const job = {
  id: "01a2235c-11ea-78cf-9144-4bf8107369b2",
  state: "FAILED" as const,
  createdAt: "2026-11-25T12:00:00.000Z",
  kind: { id: "kind:zip", name: "zip", title: "Compress" },
};
const labels = (text: string, jobs = [] as (typeof job)[], isAdmin = true) =>
  groups(text, choices, jobs, isAdmin).map(({ value, items }) => [value, ...items.map(({ label }) => label)]);

test("without a text everything is offered, but for jobs", () => {
  expect(labels("").map(([name]) => name)).toEqual(["Pages", "Start", "Queues"]);
  expect(labels("")[1]).toEqual(["Start", "Start demo", "Start Compress"]);
});

test("a part of the words is enough, whatever the case; a kind is found by its name too", () => {
  expect(labels("WORK")).toEqual([["Pages", "Workers"]]);
  expect(labels("zip")).toEqual([["Start", "Start Compress"]]);
  expect(labels(" defa ")).toEqual([["Queues", "Queue default"]]);
});

test("jobs that the server found come first, whatever was typed", () => {
  expect(labels("01a2", [job])).toEqual([["Jobs", "Compress …107369b2"]]);
  expect(groups("x", null, [job], true)[0]?.items[0]).toMatchObject({
    note: "Failed",
    target: { to: "/jobs/$id", id: job.id },
  });
});

test("where nothing fits nothing is offered", () => {
  expect(labels("nothing of that")).toEqual([]);
});

test("only an admin is led to the tokens", () => {
  expect(labels("token")).toEqual([["Pages", "Tokens"]]);
  expect(labels("token", [], false)).toEqual([]);
});
