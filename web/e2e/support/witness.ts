// Stands before the server and hands on all that comes, headers and all, while it notes what was asked and what was answered: what a page of
// elsewhere cannot read, a test can.

import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { constants, gunzipSync } from "node:zlib";

/** One request that reached the server. */
export interface Seen {
  /** The parameter `way` of its address. */
  way: string;
  method: string;
  headers: IncomingMessage["headers"];
  status: number;
  /** What the server answered, as far as it had come when this was noted. */
  answer: string;
}

/** The text of a body, of one that broke off too. */
function read(body: Buffer, encoding: string | undefined): string {
  if (encoding !== undefined && encoding !== "gzip") {
    throw new Error(`an answer in ${encoding}, which this witness cannot read`);
  }
  const isPacked = encoding === "gzip" && body.length > 0;
  return (isPacked ? gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH }) : body).toString("utf8");
}

export class Witness {
  port = 0;
  readonly seen: Seen[] = [];
  /** A page that is answered for this `Host` in place of the server's: that of a name which will point elsewhere. */
  readonly pages = new Map<string, string>();
  private readonly noted = new EventEmitter().setMaxListeners(0);
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((asked, answer) => this.pass(asked, answer));
  private readonly target: URL;

  private constructor(target: string) {
    this.target = new URL(target);
    this.server.on("connection", (socket) => this.keep(socket));
    this.server.on("upgrade", (asked, socket, head) => this.upgrade(asked, socket, head));
  }

  static async before(server: string): Promise<Witness> {
    const witness = new Witness(server);
    await once(witness.server.listen(0, "127.0.0.1"), "listening");
    witness.port = (witness.server.address() as AddressInfo).port;
    return witness;
  }

  /** Waits until such a request of this way was answered. */
  async saw(way: string, such: (seen: Seen) => boolean = () => true): Promise<void> {
    while (!this.seen.some((seen) => seen.way === way && such(seen))) {
      await once(this.noted, "noted");
    }
  }

  close(): void {
    for (const socket of this.sockets) {
      socket.destroy();
    }
    this.server.close();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  private note(asked: IncomingMessage, status: number, answer: string): void {
    const way = new URL(asked.url ?? "/", "http://localhost").searchParams.get("way");
    if (way === null) {
      // A browser asks for an icon of its own accord.
      return;
    }
    this.seen.push({ way, method: asked.method ?? "", headers: asked.headers, status, answer });
    this.noted.emit("noted");
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const page = this.pages.get(asked.headers.host ?? "");
    if (page !== undefined) {
      answer.setHeader("content-type", "text/html; charset=utf-8").end(page);
      return;
    }
    const { hostname: host, port } = this.target;
    const handed = request({
      host,
      port,
      method: asked.method ?? "GET",
      path: asked.url ?? "/",
      headers: asked.rawHeaders,
      setHost: false,
      agent: false,
    });
    handed.on("response", (answered) => {
      const status = answered.statusCode ?? 0;
      answer.writeHead(status, answered.rawHeaders);
      const body: Buffer[] = [];
      answered.on("data", (piece: Buffer) => {
        body.push(piece);
        answer.write(piece);
      });
      answered.on("close", () => {
        this.note(asked, status, read(Buffer.concat(body), answered.headers["content-encoding"]));
        answer.end();
      });
    });
    handed.on("error", () => answer.destroy());
    answer.on("close", () => handed.destroy());
    asked.pipe(handed);
  }

  private upgrade(asked: IncomingMessage, socket: Duplex, head: Buffer): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    this.keep(server);
    const lines = [`${asked.method} ${asked.url} HTTP/1.1`];
    for (let at = 0; at < asked.rawHeaders.length; at += 2) {
      lines.push(`${asked.rawHeaders[at]}: ${asked.rawHeaders[at + 1]}`);
    }
    server.write(`${lines.join("\r\n")}\r\n\r\n`);
    server.write(head);
    server.once("data", (first: Buffer) => {
      const text = first.toString("latin1");
      this.note(asked, Number(text.split(" ")[1]), text.split("\r\n\r\n")[1] ?? "");
    });
    server.pipe(socket).pipe(server);
    socket.on("error", () => server.destroy());
    socket.on("close", () => server.destroy());
  }
}
