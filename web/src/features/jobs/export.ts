// The list as a file: a line for each job, as comma-separated values or as JSON. Pure.

import type { ExportPageQuery } from "../../graphql/generated";

export type Format = "csv" | "ndjson";
export type ExportedJob = ExportPageQuery["jobs"]["nodes"][number];

/** So many at most: the browser holds the file until it is saved. */
export const MAX_EXPORTED = 10_000;

const COLUMNS: readonly (readonly [name: string, of: (job: ExportedJob) => string | number | null])[] = [
  ["id", (job) => job.id],
  ["state", (job) => job.state],
  ["kind", (job) => job.kind.name],
  ["queue", (job) => job.queue.name],
  ["created_at", (job) => job.createdAt],
  ["started_at", (job) => job.startedAt],
  ["ended_at", (job) => job.endedAt],
  ["attempt", (job) => job.attempt],
  ["exit_code", (job) => job.exitCode],
  ["signal", (job) => job.signal],
  ["reason", (job) => job.reasonText],
  ["started_by", (job) => job.startedBy],
  ["labels", (job) => job.labels.map(({ key, value }) => `${key}=${value}`).join(" ")],
];

/** What stands before the first job. */
export function head(format: Format): string {
  return format === "csv" ? `${COLUMNS.map(([name]) => name).join(",")}\r\n` : "";
}

/** One job. */
export function row(job: ExportedJob, format: Format): string {
  if (format === "csv") {
    return `${COLUMNS.map(([, of]) => field(of(job))).join(",")}\r\n`;
  }
  const values = Object.fromEntries(COLUMNS.map(([name, of]) => [name, of(job)]));
  const labels = Object.fromEntries(job.labels.map(({ key, value }) => [key, value]));
  return `${JSON.stringify({ ...values, labels })}\n`;
}

/** As RFC 4180 has it; and no program of sheets takes text for a formula. */
function field(value: string | number | null): string {
  if (typeof value !== "string") {
    return value === null ? "" : String(value);
  }
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
