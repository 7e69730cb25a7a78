// A subscription that goes on: over lost connections and over a server that ends, from where it stands.

import type { ExecutionResult } from "@urql/core";
import type { GraphQLError, GraphQLFormattedError } from "graphql";
import type { Client, SubscribePayload } from "graphql-ws";
import { pause, pauseBefore } from "./backoff";
import { fromServer, passes } from "./problem";

/** Where a subscription is made. */
export interface Sockets {
  readonly client: Pick<Client, "subscribe">;
}

/** What of a message says where its stream stands. */
interface Message {
  /** The place from which `after` goes on. */
  cursor?: string;
  /** Nothing comes after this one; each stream says it in its own word. */
  terminal?: boolean;
  complete?: boolean;
  change?: string;
}

type Data = Record<string, Message>;

/**
 * Follows until the stream's last message, until what can't be mended (errors without data, told last), or until the
 * function that it returns is called. An end that nobody announced is an interruption.
 */
export function follow(
  sockets: Sockets,
  asked: SubscribePayload,
  next: (result: ExecutionResult) => void,
): () => void {
  let variables = asked.variables;
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

  const fail = (errors: readonly GraphQLFormattedError[]) => {
    const problem = fromServer(errors);
    if (passes(problem)) {
      void again(problem.retryAfterMs ?? 0);
      return;
    }
    over = true;
    next({ data: null, errors: errors as GraphQLError[] });
  };

  const hear = (data: Data) => {
    tries = 0;
    const message = Object.values(data)[0];
    if (message?.cursor !== undefined) {
      variables = { ...variables, after: message.cursor };
    }
    over = message?.terminal === true || message?.complete === true || message?.change === "REMOVED";
    // What of it failed is null in it; the stream goes on.
    next({ data });
  };

  const begin = () => {
    let settled = false;
    const payload: SubscribePayload = {
      ...asked,
      // The client sends the payload again after a lost connection, and reads it then.
      get variables() {
        return variables;
      },
    };
    unsubscribe = sockets.client.subscribe<Data>(payload, {
      next: (result) => {
        if (over || settled) {
          return;
        }
        if (result.data) {
          hear(result.data);
        } else {
          settled = true;
          fail(result.errors ?? []);
        }
      },
      error: (error: unknown) => {
        if (over || settled) {
          return;
        }
        settled = true;
        // The server's own errors come as a list; anything else is a socket that closed for good.
        if (Array.isArray(error)) {
          fail(error);
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
