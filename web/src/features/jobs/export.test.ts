// The list as a file holds what it showed, and nothing in it acts.

import { expect, test } from "vitest";
import { type ExportedJob, head, row } from "./export";

const job: ExportedJob = {
  id: "01a2235c-11ea-78cf-9144-4bf8107369b2",
  state: "FAILED",
  kind: { id: "kind:zip", name: "zip" },
  queue: { id: "queue:default", name: "default" },
  createdAt: "2026-11-25T12:00:00.000Z",
  startedAt: null,
  endedAt: "2026-11-25T12:00:01.000Z",
  attempt: 2,
  exitCode: -1,
  signal: null,
  reasonText: 'exit code 3, "no\nsuch file"',
  startedBy: null,
  labels: [
    { key: "team", value: "red" },
    { key: "formula", value: "x" },
  ],
};

test("comma-separated values have a head, empty fields, and quotes where they are needed", () => {
  expect(head("csv")).toBe(
    "id,state,kind,queue,created_at,started_at,ended_at,attempt,exit_code,signal,reason,started_by,labels\r\n",
  );
  expect(row(job, "csv")).toBe(
    '01a2235c-11ea-78cf-9144-4bf8107369b2,FAILED,zip,default,2026-11-25T12:00:00.000Z,,2026-11-25T12:00:01.000Z,2,-1,,"exit code 3, ""no\nsuch file""",,team=red formula=x\r\n',
  );
});

test("no text becomes a formula", () => {
  for (const text of ["=1+1", "+1", "-1", "@x", "\tx"]) {
    expect(row({ ...job, reasonText: text }, "csv")).toContain(`,'${text},`);
  }
});

test("JSON has a line for each job, with its labels by name", () => {
  const line = row(job, "ndjson");
  expect(line.indexOf("\n")).toBe(line.length - 1);
  expect(JSON.parse(line)).toMatchObject({
    id: job.id,
    started_at: null,
    exit_code: -1,
    reason: job.reasonText,
    labels: { team: "red", formula: "x" },
  });
  expect(head("ndjson")).toBe("");
});
