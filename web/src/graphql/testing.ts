// A small real server for tests of a page, which then stands at its address.

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "graphql";
import { useServer as speak } from "graphql-ws/use/ws";
import { vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

interface Behaviour {
  /** Answers requests. */
  answer: RequestListener;
  /** What every subscription says, whatever was asked. */
  subscribe(): AsyncIterable<object>;
  /** May a socket with this token be used? */
  admits?(token: string | null): boolean;
}

export interface TestServer {
  socketUrl: string;
  sockets: WebSocketServer["clients"];
  close(): Promise<void>;
}

/** Starts it, and has the page of this test come from it. Modules that look at their address are imported after this. */
export async function serve({ answer, subscribe, admits }: Behaviour): Promise<TestServer> {
  const http = createServer(answer);
  const sockets = new WebSocketServer({ server: http });
  const serving = speak(
    {
      onConnect: ({ connectionParams }) => admits?.((connectionParams?.token as string) ?? null) ?? true,
      onSubscribe: (_, __, { query }) => ({ schema: {} as never, document: parse(query) }),
      subscribe: subscribe as never,
    },
    sockets,
  );
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  vi.stubGlobal("WebSocket", WebSocket);
  const { happyDOM } = window as unknown as { happyDOM: { setURL(url: string): void } };
  happyDOM.setURL(`http://127.0.0.1:${port}/`);
  return {
    socketUrl: `ws://127.0.0.1:${port}/`,
    sockets: sockets.clients,
    async close() {
      await serving.dispose();
      http.closeAllConnections();
      http.close();
    },
  };
}
