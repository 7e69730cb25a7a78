// What surrounds every page: where one can go, and whether what one sees is current.

import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { memo, type RefObject, useEffect, useRef, useState } from "react";
import { Keys } from "../components/Keys";
import { SignIn } from "../components/SignIn";
import { Undo } from "../features/undo/Undo";
import { access } from "../graphql/access";
import { host } from "../graphql/address";
import { connection, readUncached, useCaller, useConnection, useRecoveries } from "../graphql/client";
import { ServerDocument, type ServerQuery } from "../graphql/generated";
import { useAccess } from "../graphql/useAccess";
import { clockTime } from "../time/format";
import { learnServerClock, useNow } from "../time/now";

const NO_VARIABLES = {};

export function Frame() {
  const answer = useServer();
  const server = answer?.server ?? null;
  const content = useRef<HTMLElement>(null);
  const { token, wanted } = useAccess();
  const isAsked = wanted !== false;
  useFocusOnNewPage(content, isAsked);
  return (
    <>
      <a className="skip button" href="#content">
        Skip to the content
      </a>
      <header className="frame-head">
        <Link to="/" className="brand">
          Longhaul
        </Link>
        <Nav isAdmin={isAdmin(answer)} />
        {token !== null && (
          <button type="button" className="forget" onClick={() => access.forget()}>
            Forget the token
          </button>
        )}
        {!isAsked && <Keys isAdmin={isAdmin(answer)} />}
        {!isAsked && <Live version={server?.version ?? null} />}
      </header>
      {!isAsked && <Lost />}
      {server?.accepting === false && <Stopping />}
      <main id="content" ref={content} tabIndex={-1}>
        {isAsked && <SignIn />}
        {/* It keeps what was typed and read, and goes on when the server has its token. */}
        <div hidden={isAsked}>
          <Outlet />
        </div>
      </main>
      <Undo />
    </>
  );
}

const ALL_LISTS = { exact: true, includeSearch: false } as const;

/** The rest of the frame is told more often than where one can go. */
const Nav = memo(function Nav({ isAdmin }: { isAdmin: boolean }) {
  return (
    <nav aria-label="Pages">
      <Link to="/" activeOptions={ALL_LISTS}>
        Jobs
      </Link>
      <Link to="/overview">Overview</Link>
      <Link to="/queues">Queues</Link>
      <Link to="/kinds">Kinds</Link>
      <Link to="/workers">Workers</Link>
      {isAdmin && <Link to="/tokens">Tokens</Link>}
      <Link to="/start">Start</Link>
      <a href="/graphiql">GraphiQL</a>
    </nav>
  );
});

function Stopping() {
  const { phase } = useConnection();
  return phase === "live" ? (
    <div className="banner" role="status">
      <p>The server is stopping: it accepts no new jobs.</p>
    </div>
  ) : null;
}

function Live({ version }: { version: string | null }) {
  const { phase } = useConnection();
  const words = { connecting: "Connecting", live: "Live", lost: "Not connected" }[phase];
  return (
    <span
      className={`live live-${phase}`}
      title={version === null ? undefined : `longhaul ${version} at ${host}`}
    >
      {words}
    </span>
  );
}

function Lost() {
  const state = useConnection();
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
function useFocusOnNewPage(content: RefObject<HTMLElement | null>, isAsked: boolean): void {
  const { pathname } = useLocation();
  const place = isAsked ? null : pathname;
  const shown = useRef(place);
  useEffect(() => {
    if (shown.current !== place) {
      shown.current = place;
      // The question for a token takes the focus itself.
      if (place !== null) {
        content.current?.focus({ preventScroll: true });
      }
    }
  }, [place, content]);
}

/** What the server says of itself, asked for again when the connection came back. Sets the page's clock by the server's. */
function useServer(): ServerQuery | null {
  const recoveries = useRecoveries();
  const caller = useCaller();
  const [answer, setAnswer] = useState<ServerQuery | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after a recovery it may be another server, and another caller may do other things.
  useEffect(() => {
    let current = true;
    const asked = Date.now();
    void readUncached(ServerDocument, NO_VARIABLES).then(({ data }) => {
      if (current && data !== null) {
        learnServerClock(data.server.now, asked, Date.now());
        setAnswer(data);
      }
    });
    return () => {
      current = false;
    };
  }, [recoveries, caller]);
  return answer;
}

/** Where nobody is asked for a token, everybody may do everything. */
function isAdmin(answer: ServerQuery | null): boolean {
  return answer !== null && (answer.viewer === null || answer.viewer.scopes.includes("admin"));
}
