// The page of the list that the address names, asked for by the first script, while all else of the dashboard still comes.
//
// Small, and without a library: it runs before them.

import { fetchWithToken } from "../../graphql/access";
import { endpoint, host } from "../../graphql/address";
import type { JobsPageQuery } from "../../graphql/generated";
import { fromServer, type ServerError, unreachable } from "../../graphql/problem";
import { loaded, type Page } from "./list";
import document from "./list.graphql?raw";
import { type JobsSearch, jobsSearch, pageOf, parseSearch } from "./search";

/** The one answer, for whoever shows that page first. */
export interface Early {
  /** Which page, as `nameOf` says it. */
  name: string;
  answer: Promise<Page>;
  /** null: it has not come yet. */
  page: Page | null;
}

let early: Early | null = null;
let isOver = Promise.resolve();

/** Asks for the page that an address with this query shows. */
export function askEarly(query: string): void {
  const search = jobsSearch(parseSearch(query));
  const answer = ask(
    JSON.stringify({ query: document, operationName: "JobsPage", variables: pageOf(search) }),
  );
  const asked: Early = { name: nameOf(search), answer, page: null };
  early = asked;
  isOver = answer.then((page) => {
    asked.page = page;
  });
}

/** What was asked for, if it is this page; `isTaken`: nobody else gets it, for it is of one moment. */
export function earlyPage(search: JobsSearch, isTaken: boolean): Early | null {
  const found = early?.name === nameOf(search) ? early : null;
  if (isTaken) {
    early = null;
  }
  return found;
}

/** Whatever was asked for has its answer. */
export function earlyAnswered(): Promise<void> {
  return isOver;
}

/** The same for the same page, in whichever order the address has its parts. */
function nameOf(search: JobsSearch): string {
  return JSON.stringify(jobsSearch({ ...search }));
}

async function ask(body: string): Promise<Page> {
  const asOf = Date.now();
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
  try {
    const response = await fetchWithToken(endpoint, { method: "POST", headers, body });
    const { data, errors } = (await response.json()) as { data?: JobsPageQuery; errors?: ServerError[] };
    return data?.jobs === undefined || data.jobs === null
      ? { problem: fromServer(errors ?? []) }
      : { list: loaded(data.jobs, asOf), feedCursor: data.jobs.feedCursor };
  } catch {
    return { problem: unreachable(host) };
  }
}
