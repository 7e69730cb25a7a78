// The two ways to the server: requests by HTTP, subscriptions by one WebSocket. What both say goes into one cache.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import {
  type AnyVariables,
  Client,
  type CombinedError,
  createRequest,
  fetchExchange,
  type OperationResult,
  type OperationResultSource,
  subscriptionExchange,
} from "@urql/core";
import { useSyncExternalStore } from "react";
import { access, fetchWithToken } from "./access";
import { endpoint, host, socketEndpoint } from "./address";
import { caching } from "./cache";
import { Connection, type ConnectionState } from "./connection";
import { follow } from "./follow";
import { asking, Heard } from "./heard";
import { fromRequest, type Problem } from "./problem";

export const connection = new Connection(socketEndpoint, access);

let heard = new Heard();
let recoveries = 0;
// Before anything that reads again hears of it.
connection.subscribe(() => {
  if (connection.state().recoveries !== recoveries) {
    recoveries = connection.state().recoveries;
    heard.startOver();
  }
});

const toServer = [
  subscriptionExchange({
    forwardSubscription: ({ query = "", operationName, variables }) => ({
      // Never told as complete: the library would tell its last message twice.
      subscribe: ({ next }) => ({
        unsubscribe: follow(connection, { query, operationName, variables }, next),
      }),
    }),
  }),
  fetchExchange,
];
const options = {
  url: endpoint,
  preferGetMethod: false,
  async fetch(...request: Parameters<typeof fetch>) {
    underWay += 1;
    try {
      const response = await fetchWithToken(...request);
      connection.heard();
      return response;
    } finally {
      underWay -= 1;
      if (underWay === 0) {
        tellAnswered();
      }
    }
  },
} as const;

/** Requests that have no answer yet. */
let underWay = 0;
let tellAnswered = () => {};
const isAnswered = new Promise<void>((resolve) => {
  tellAnswered = resolve;
});

/** All that the first page asks has its answer, whatever it is. */
export function answered(): Promise<void> {
  return isAnswered;
}

/** What jobs, kinds and queues are read by. */
let client = fresh();

function fresh(): Client {
  return new Client({ ...options, exchanges: [...caching(heard), ...toServer] });
}

let caller = { token: access.state().token, number: 0 };
// Another token may see less: nothing that was read by the one before is shown to it.
access.subscribe(() => {
  const { token } = access.state();
  if (token !== null && token !== caller.token) {
    caller = { token, number: caller.number + 1 };
    heard = new Heard();
    client = fresh();
  }
});

/** Another number is another caller, who starts with nothing: whatever depends on it lets go of what it has. */
export function useCaller(): number {
  return useSyncExternalStore(access.subscribe, () => caller.number);
}

/** What the cache has, and every news of it. */
export function cached<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): OperationResultSource<OperationResult<Data, Variables>> {
  return client.query(document, variables);
}

/** What is too much to keep, or of use once, is read by: logs, the server's clock. */
export const uncached = new Client({ ...options, exchanges: toServer });

/** What a request comes to. Partial data comes with its problem. */
export interface Answer<Data> {
  data: Data | null;
  problem: Problem | null;
}

/** Asks the server. The answer goes into the cache and is what the cache then says. */
export function ask<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): OperationResultSource<OperationResult<Data, Variables>> {
  const query = client.createRequestOperation("query", createRequest(document, variables));
  return client.executeRequestOperation(asking(query));
}

/** Asks the server once. */
export async function read<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  return answer(await ask(document, variables).toPromise());
}

/** Asks the server once, for what is too much to keep or of use once. */
export async function readUncached<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  return answer(await uncached.query(document, variables).toPromise());
}

/** Does something. */
export async function act<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  // By this policy the library expects nothing of the answer before it comes.
  return answer(await client.mutation(document, variables, { requestPolicy: "network-only" }).toPromise());
}

/** Does something whose answer is nothing to keep: it holds a secret. */
export async function actUncached<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Answer<Data>> {
  return answer(await uncached.mutation(document, variables).toPromise());
}

/** Who hears of a subscription. */
export interface Listener<Data> {
  next(data: Data): void;
  /** It can't be followed, and trying again won't help. */
  failed(problem: Problem): void;
}

/** Follows a subscription, over lost connections too, until its end or until the function that it returns is called. */
export function listen<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  listener: Listener<Data>,
  by?: Client,
): () => void {
  return (by ?? client).subscription(document, variables).subscribe((result) => {
    const { data, problem } = answer(result);
    if (problem !== null) {
      if (problem.code === "UNAUTHENTICATED") {
        access.refused(access.state().token);
      }
      listener.failed(problem);
    } else if (data !== null) {
      listener.next(data);
    }
  }).unsubscribe;
}

/** Reads what a client delivers. */
export function answer<Data>(result: {
  data?: Data | undefined;
  error?: CombinedError | undefined;
}): Answer<Data> {
  const problem = result.error === undefined ? null : fromRequest(result.error, host);
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
