// What surrounds every page: where one can go, and whether what one sees is current.

import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { type RefObject, useEffect, useRef, useState } from "react";
import { connection, host, readUncached, useConnection, useRecoveries } from "../graphql/client";
import type { ConnectionState } from "../graphql/connection";
import { ServerDocument, type ServerQuery } from "../graphql/generated";
import { clockTime } from "../time/format";
import { learnServerClock, useNow } from "../time/now";

const NO_VARIABLES = {};

export function Frame() {
  const state = useConnection();
  const server = useServer();
  const content = useRef<HTMLElement>(null);
  useFocusOnNewPage(content);
  return (
    <>
      <a className="skip button" href="#content">
        Skip to the content
      </a>
      <header className="frame-head">
        <Link to="/" className="brand">
          Longhaul
        </Link>
        <nav aria-label="Pages">
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }}>
            Jobs
          </Link>
          <Link to="/start">Start</Link>
          <a href="/graphiql">GraphiQL</a>
        </nav>
        <Live state={state} version={server?.version ?? null} />
      </header>
      <Lost state={state} />
      {server?.accepting === false && state.phase === "live" && (
        <div className="banner" role="status">
          <p>The server is stopping: it accepts no new jobs.</p>
        </div>
      )}
      <main id="content" ref={content} tabIndex={-1}>
        <Outlet />
      </main>
    </>
  );
}

function Live({ state, version }: { state: ConnectionState; version: string | null }) {
  const words = { connecting: "Connecting", live: "Live", lost: "Not connected" }[state.phase];
  return (
    <span
      className={`live live-${state.phase}`}
      title={version === null ? undefined : `longhaul ${version} at ${host}`}
    >
      {words}
    </span>
  );
}

function Lost({ state }: { state: ConnectionState }) {
  // The region is there before its words are, or no screen reader would say them.
  return (
    <div role="status" aria-live="polite">
      {state.phase === "lost" && (
        <div className="banner">
          <p>
            <strong>
              {state.heardAt === null
                ? `The server at ${host} does not answer.`
                : `Connection lost, data as of ${clockTime(state.heardAt)}.`}
            </strong>{" "}
            <span aria-hidden="true">
              <NextTry at={state.nextTryAt} />
            </span>
          </p>
          <button type="button" onClick={connection.tryNow} disabled={state.nextTryAt === null}>
            Try now
          </button>
        </div>
      )}
    </div>
  );
}

function NextTry({ at }: { at: number | null }) {
  useNow();
  const left = at === null ? 0 : at - Date.now();
  return left < 1_000 ? "Trying again…" : `Trying again in ${Math.floor(left / 1_000)} s.`;
}

/** A link that was followed is gone with its page: whoever goes by keyboard or ear goes on at the new page's beginning. */
function useFocusOnNewPage(content: RefObject<HTMLElement | null>): void {
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current !== pathname) {
      shown.current = pathname;
      content.current?.focus({ preventScroll: true });
    }
  }, [pathname, content]);
}

/** What the server says of itself, asked for again when the connection came back. Sets the page's clock by the server's. */
function useServer(): ServerQuery["server"] | null {
  const recoveries = useRecoveries();
  const [server, setServer] = useState<ServerQuery["server"] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after a recovery it may be another server.
  useEffect(() => {
    let current = true;
    const asked = Date.now();
    void readUncached(ServerDocument, NO_VARIABLES).then(({ data }) => {
      if (current && data !== null) {
        learnServerClock(data.server.now, asked, Date.now());
        setServer(data.server);
      }
    });
    return () => {
      current = false;
    };
  }, [recoveries]);
  return server;
}
