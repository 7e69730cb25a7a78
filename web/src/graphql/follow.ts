// A subscription that goes on: over lost connections and over a server that ends, from where it stands.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { stringifyDocument } from "@urql/core";
import type { Client, FormattedExecutionResult } from "graphql-ws";
import { pause, pauseBefore } from "./backoff";
import { fromServer, type Problem, passes } from "./problem";

/** What is followed, and who hears of it. */
export interface Following<Data, Variables> {
  document: TypedDocumentNode<Data, Variables>;
  /** Asked at every try, so that each goes on from the latest position. */
  variables(): Variables;
  next(data: Data): void;
  /** It can't be followed, and trying again won't help. */
  failed(problem: Problem): void;
  /** Nothing more comes after this message. Without it, an end that nobody announced is an interruption. */
  isLast?(data: Data): boolean;
}

/** Where a subscription is made. */
export interface Sockets {
  readonly client: Pick<Client, "subscribe">;
}

/** Follows until `isLast`, a final failure, or until the function that it returns is called. */
export function follow<Data, Variables extends Record<string, unknown>>(
  sockets: Sockets,
  following: Following<Data, Variables>,
): () => void {
  const query = stringifyDocument(following.document);
  let over = false;
  let tries = 0;
  let unsubscribe = () => {};
  let waiting = pause(0);

  const again = async (retryAfterMs: number) => {
    waiting = pause(Math.max(retryAfterMs, pauseBefore(tries)));
    tries += 1;
    await waiting.ended;
    if (!over) {
      begin();
    }
  };

  const fail = (problem: Problem) => {
    if (over) {
      return;
    }
    if (passes(problem)) {
      void again(problem.retryAfterMs ?? 0);
      return;
    }
    over = true;
    following.failed(problem);
  };

  const begin = () => {
    let settled = false;
    const payload = {
      query,
      // The client sends the payload again after a lost connection, and reads it then.
      get variables() {
        return following.variables();
      },
    };
    unsubscribe = sockets.client.subscribe<Data>(payload, {
      next: (result: FormattedExecutionResult<Data, unknown>) => {
        if (over || settled) {
          return;
        }
        if (result.data === undefined || result.data === null) {
          settled = true;
          fail(fromServer(result.errors ?? []));
          return;
        }
        tries = 0;
        over = following.isLast?.(result.data) ?? false;
        following.next(result.data);
      },
      error: (error: unknown) => {
        if (over || settled) {
          return;
        }
        settled = true;
        // The server's own errors come as a list; anything else is a socket that closed for good.
        if (Array.isArray(error)) {
          fail(fromServer(error));
        } else {
          void again(0);
        }
      },
      complete: () => {
        if (!over && !settled) {
          settled = true;
          void again(0);
        }
      },
    });
  };

  begin();
  return () => {
    over = true;
    waiting.end();
    unsubscribe();
  };
}
