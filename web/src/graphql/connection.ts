// The one WebSocket of the page: what its state is, when it is tried again, and since when the data may be old.

import { type Client, createClient } from "graphql-ws";
import { type Access, FORBIDDEN } from "./access";
import { type Pause, pause, pauseBefore } from "./backoff";

/** What the frame of the page shows of the connection. */
export interface ConnectionState {
  /** `connecting` only until the first success or failure. */
  phase: "connecting" | "live" | "lost";
  /** When anything was last heard from the server, in milliseconds since the epoch; null: never. As of the last change of phase. */
  heardAt: number | null;
  /** When it is tried again by itself; null while it is being tried. */
  nextTryAt: number | null;
  /** How often the connection came back. Whoever read something by a request reads it again when this grows. */
  recoveries: number;
}

const PING_EVERY_MS = 12_000;
const PONG_WITHIN_MS = 6_000;
const ACK_WITHIN_MS = 10_000;

/** Keeps a socket open for the life of the page, also where nothing is subscribed to, so that a loss is seen at once. */
export class Connection {
  readonly #url: string;
  readonly #access: Access;
  readonly #listeners = new Set<() => void>();
  #client: Client | null = null;
  #state: ConnectionState = { phase: "connecting", heardAt: null, nextTryAt: null, recoveries: 0 };
  #heardAt: number | null = null;
  #pause: Pause | null = null;
  #tries = 0;

  constructor(url: string, access: Access) {
    this.#url = url;
    this.#access = access;
    let { token } = access.state();
    access.subscribe(() => {
      // Whatever the socket may do it may by its token: another one needs another socket.
      if (access.state().token !== token && this.#state.phase === "live") {
        this.#client?.terminate();
      }
      token = access.state().token;
    });
  }

  /** The client to subscribe by. Asked for anew at every subscription, since a fatal close needs a new one. */
  get client(): Client {
    this.#client ??= this.#open();
    return this.#client;
  }

  /** Opens the socket, if it is not. */
  start(): void {
    void this.client;
  }

  /** Closes it for good. */
  end(): void {
    // A try that is under way may still fail.
    void Promise.resolve(this.#client?.dispose()).catch(() => {});
  }

  readonly state = (): ConnectionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Waits until it is there. */
  isLive(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#state.phase === "live") {
          unsubscribe();
          resolve();
        }
      };
      const unsubscribe = this.subscribe(look);
      look();
    });
  }

  /** Something came from the server, by whichever way. */
  heard(): void {
    this.#heardAt = Date.now();
  }

  /** Ends the pause before the next try. */
  readonly tryNow = (): void => {
    this.#pause?.end();
  };

  #open(): Client {
    let pongDue: ReturnType<typeof setTimeout> | undefined;
    let token: string | null = null;
    const client = createClient({
      url: this.#url,
      lazy: false,
      connectionParams: () => {
        token = this.#access.state().token;
        return token === null ? undefined : { token };
      },
      keepAlive: PING_EVERY_MS,
      connectionAckWaitTimeout: ACK_WITHIN_MS,
      retryAttempts: Number.POSITIVE_INFINITY,
      // A browser says of a failed try only that it failed: each is tried again.
      shouldRetry: () => true,
      retryWait: () => this.#wait(),
      onNonLazyError: () => this.#replace(client),
      on: {
        message: () => this.heard(),
        connected: () => {
          this.heard();
          this.#tries = 0;
          const again = this.#state.phase === "lost" ? 1 : 0;
          this.#set({ phase: "live", nextTryAt: null, recoveries: this.#state.recoveries + again });
        },
        closed: (event) => {
          clearTimeout(pongDue);
          if ((event as Partial<CloseEvent>).code === FORBIDDEN) {
            this.#access.refused(token);
          }
          this.#set({ phase: "lost" });
        },
        // A connection that was cut without a word looks open for ever: only an answer shows that it lives.
        ping: (received) => {
          if (!received) {
            pongDue = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
          }
        },
        pong: (received) => {
          if (received) {
            clearTimeout(pongDue);
          }
        },
      },
    });
    return client;
  }

  async #wait(): Promise<void> {
    if (this.#access.state().wanted !== false) {
      await this.#access.given();
      return;
    }
    this.#pause = pause(pauseBefore(this.#tries));
    this.#tries += 1;
    this.#set({ phase: "lost", nextTryAt: this.#pause.until });
    await this.#pause.ended;
    this.#pause = null;
    this.#set({ nextTryAt: null });
  }

  // A close that the library takes for final (a proxy's mistake, a newer server) is not final for a page that stays open.
  async #replace(client: Client): Promise<void> {
    await this.#wait();
    client.dispose();
    if (this.#client === client) {
      this.#client = this.#open();
    }
  }

  #set(change: Partial<ConnectionState>): void {
    this.#state = { ...this.#state, ...change, heardAt: this.#heardAt };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
