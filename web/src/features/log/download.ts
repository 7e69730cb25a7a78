// A log as a file, where a plain link can't ask for it: a link carries no token.

import { save } from "../../components/save";
import { fetchWithToken } from "../../graphql/access";
import { host } from "../../graphql/address";
import type { LogStream } from "../../graphql/generated";
import { fromServer, type Problem, type ServerError, unreachable } from "../../graphql/problem";

/** The address of the raw log of a job, or of one stream of it. */
export function addressOf(id: string, stream: LogStream | null): string {
  const part = stream === null ? "" : `?stream=${stream.toLowerCase()}`;
  return `/jobs/${encodeURIComponent(id)}/log${part}`;
}

/** What the file is called. */
export function nameOf(id: string, stream: LogStream | null): string {
  return `${id}.${stream === null ? "log" : stream.toLowerCase()}`;
}

/** Has the browser save the log; returns what went wrong, or null. A log is bounded, so it can be held for the moment. */
export async function download(id: string, stream: LogStream | null): Promise<Problem | null> {
  let file: Blob;
  try {
    const response = await fetchWithToken(addressOf(id, stream));
    if (!response.ok) {
      return fromServer(await errorsOf(response));
    }
    file = await response.blob();
  } catch {
    return unreachable(host);
  }
  save(file, nameOf(id, stream));
  return null;
}

async function errorsOf(response: Response): Promise<ServerError[]> {
  const body = (await response.json().catch(() => null)) as { errors?: ServerError[] } | null;
  return body?.errors ?? [{ message: `the server answered ${response.status}` }];
}
