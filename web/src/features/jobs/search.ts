// The filter and the place of the list, as the address holds them: /?state=RUNNING&state=QUEUED&kind=demo&since=2026-11-25T11:00:00.000Z&after=…

import type { JobFilter, JobState, JobsPageQueryVariables } from "../../graphql/generated";
import { PAGE_SIZE } from "./list";

export const STATES = [
  "QUEUED",
  "RUNNING",
  "CANCELING",
  "SUCCEEDED",
  "FAILED",
  "CANCELED",
] as const satisfies readonly JobState[];

/** What the address of the list says. */
export interface JobsSearch {
  /** In the order of `STATES`; absent: all. */
  state?: JobState[] | undefined;
  kind?: string | undefined;
  queue?: string | undefined;
  /** The beginning of an id, or a part of a kind's name or of a label. */
  text?: string | undefined;
  /** A label that a job must have, as `key=value`. */
  label?: string | undefined;
  /** Accepted at this instant or after. */
  since?: string | undefined;
  /** The page after this cursor. Never beside `before`. */
  after?: string | undefined;
  before?: string | undefined;
}

/** Reads the address. What is no state, or empty, is left out: an old link still shows a list. */
export function jobsSearch(raw: Record<string, unknown>): JobsSearch {
  const wanted = [raw.state].flat();
  const state = STATES.filter((known) => wanted.includes(known));
  const kind = text(raw.kind);
  const queue = text(raw.queue);
  const since = instant(raw.since);
  const after = text(raw.after);
  const before = after === undefined ? text(raw.before) : undefined;
  return {
    state: state.length > 0 ? state : undefined,
    kind,
    queue,
    text: text(raw.text),
    label: label(raw.label),
    since,
    after,
    before,
  };
}

/** The first page of the same list. */
export function firstPage({ state, kind, queue, text, label, since }: JobsSearch): JobsSearch {
  return { state, kind, queue, text, label, since };
}

/** The condition that the server is asked with. */
export function jobFilter(search: JobsSearch): JobFilter {
  return {
    ...(search.state !== undefined && { states: search.state }),
    ...(search.kind !== undefined && { kinds: [search.kind] }),
    ...(search.queue !== undefined && { queues: [search.queue] }),
    ...(search.text !== undefined && { text: search.text }),
    ...(search.label !== undefined && { labels: [labelOf(search.label)] }),
    ...(search.since !== undefined && { createdAfter: search.since }),
  };
}

/** What a page is asked for with. */
export function pageOf(search: JobsSearch): JobsPageQueryVariables {
  const place =
    search.before === undefined
      ? { first: PAGE_SIZE, after: search.after ?? null, last: null, before: null }
      : { first: null, after: null, last: PAGE_SIZE, before: search.before };
  return { filter: jobFilter(search), ...place };
}

/** Does the address ask for a part only? */
export function isFiltered(search: JobsSearch): boolean {
  return Object.values(firstPage(search)).some((one) => one !== undefined);
}

/** Address text to values: a name that stands twice is a list. */
export function parseSearch(query: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const params = new URLSearchParams(query);
  for (const name of new Set(params.keys())) {
    const all = params.getAll(name);
    values[name] = all.length > 1 ? all : all[0];
  }
  return values;
}

/** Values to address text, the other way round. */
export function stringifySearch(values: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) {
      if (typeof one === "string") {
        params.append(name, one);
      }
    }
  }
  const query = params.toString();
  return query === "" ? "" : `?${query}`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A label as the address has it. */
export function labelText({ key, value }: { key: string; value: string }): string {
  return `${key}=${value}`;
}

/** The other way round: a key has no `=`, or the first one ends it. */
function labelOf(text: string): { key: string; value: string } {
  const end = text.indexOf("=");
  return { key: text.slice(0, end), value: text.slice(end + 1) };
}

function label(value: unknown): string | undefined {
  const given = text(value);
  return given !== undefined && given.indexOf("=") > 0 ? given : undefined;
}

/** An instant as the server takes it; what is none is left out. */
function instant(value: unknown): string | undefined {
  const millis = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(millis) ? undefined : new Date(millis).toISOString();
}
