// The two ways to the server: requests by HTTP, subscriptions by one WebSocket.
//
// There is no normalised cache: one takes the answer that comes last for the newest, while a job's `seq` says which
// one is. Each feature keeps what it shows, and compares.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { type AnyVariables, Client, fetchExchange } from "@urql/core";
import { useSyncExternalStore } from "react";
import { Connection, type ConnectionState } from "./connection";
import { fromRequest, type Problem } from "./problem";

const url = new URL("/graphql", window.location.href);
const socketUrl = new URL(url);
socketUrl.protocol = url.protocol === "https:" ? "wss:" : "ws:";

/** The server as a person would name it. */
export const host = url.host;
/** The address of the API. */
export const endpoint = url.href;

export const connection = new Connection(socketUrl.href);

const client = new Client({ url: url.href, exchanges: [fetchExchange], preferGetMethod: false });

/** What a request comes to. Partial data comes with its problem. */
export interface Answer<Data> {
  data: Data | null;
  problem: Problem | null;
}

/** Asks, without any cache. */
export async function read<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  return answer(await client.query(document, variables).toPromise());
}

/** Does something. */
export async function act<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  return answer(await client.mutation(document, variables).toPromise());
}

function answer<Data>(result: { data?: Data; error?: Parameters<typeof fromRequest>[0] }): Answer<Data> {
  const problem = result.error === undefined ? null : fromRequest(result.error, host);
  if (problem?.code !== "UNREACHABLE") {
    connection.heard();
  }
  return { data: result.data ?? null, problem };
}

/** The state of the connection, kept current. */
export function useConnection(): ConnectionState {
  return useSyncExternalStore(connection.subscribe, connection.state);
}

/** Grows whenever the connection came back: an effect that depends on it reads again what was missed. */
export function useRecoveries(): number {
  return useSyncExternalStore(connection.subscribe, () => connection.state().recoveries);
}
