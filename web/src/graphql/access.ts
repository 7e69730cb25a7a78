// The token that this page shows the server, and whether the server asks for one, or for another one.
//
// It is kept in memory; in the tab's own storage only where the reader chose that. It never stands in an address, nor
// in what other tabs or later days can read.

import { endpoint, host } from "./address";

const STORED = "longhaul-token";
/** The server closes a socket with this code whose token is missing, unknown or no longer good. */
export const FORBIDDEN = 4403;

export interface AccessState {
  token: string | null;
  /** The server answers nothing before it has a token. `ended`: the one that it had was good before. */
  wanted: false | "first" | "ended";
}

export class Access {
  readonly #storage: Storage | null;
  readonly #listeners = new Set<() => void>();
  #state: AccessState;

  /** `storage`: where a token may be kept that is to outlive the page; null: nowhere. */
  constructor(storage: Storage | null) {
    this.#storage = storage;
    this.#state = { token: storage?.getItem(STORED) ?? null, wanted: false };
  }

  readonly state = (): AccessState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The server did not take this token (null: none was sent). What it says late of an earlier one is void. */
  refused(token: string | null): void {
    if (token === this.#state.token && this.#state.wanted === false) {
      this.#storage?.removeItem(STORED);
      this.#set({ token: null, wanted: token === null ? "first" : "ended" });
    }
  }

  /** Uses this token, which the server took. */
  take(token: string, remember: boolean): void {
    if (remember) {
      this.#storage?.setItem(STORED, token);
    }
    this.#set({ token, wanted: false });
  }

  /** Forgets the token and, with the page, all that was read by it. */
  forget(): void {
    this.#storage?.removeItem(STORED);
    window.location.reload();
  }

  /** Resolves once the server has what it asks for. */
  given(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#state.wanted === false) {
          unsubscribe();
          resolve();
        }
      };
      const unsubscribe = this.subscribe(look);
      look();
    });
  }

  #set(state: AccessState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

export const access = new Access(tabStorage());

/** As `fetch`, with the token. */
export async function fetchWithToken(address: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { token } = access.state();
  const headers = new Headers(init?.headers);
  if (token !== null) {
    headers.set("Authorization", `Bearer ${token}`);
  }
  const response = await fetch(address, { ...init, headers });
  if (response.status === 401) {
    access.refused(token);
  }
  return response;
}

/** Shows the server a token, and uses it if the server takes it. Returns what is wrong with it, or null. */
export async function signIn(token: string, remember: boolean): Promise<string | null> {
  // What can't stand in a header would look like a server that is away.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    return "A token is one word of letters, digits and signs, like lh_…";
  }
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  const body = JSON.stringify({ query: "{ __typename }" });
  const response = await fetch(endpoint, { method: "POST", headers, body }).catch(() => null);
  if (response === null) {
    return `The server at ${host} does not answer.`;
  }
  if (response.status === 401) {
    return "The server does not take this token: it is unknown, has expired or was revoked.";
  }
  if (response.status >= 500) {
    return `The server can't say now whether it takes this token (HTTP ${response.status}). Try again.`;
  }
  access.take(token, remember);
  return null;
}

/** A browser may be set to keep nothing. */
function tabStorage(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
