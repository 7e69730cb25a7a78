// GraphiQL's entry: the whole tool from this server, over the same path as every other client.

import "./workers";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "../styles/tokens.css";
import "./graphiql.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { useMemo } from "react";
import { createRoot } from "react-dom/client";
import { SignIn } from "../components/SignIn";
import { access, FORBIDDEN, fetchWithToken } from "../graphql/access";
import { endpoint, socketEndpoint } from "../graphql/address";
import { useAccess } from "../graphql/useAccess";
import { firstVariables, samples } from "./samples";
import { nameTabs } from "./tabs";
import { editorTheme } from "./theme";

function fetcherWith(token: string | null) {
  return createGraphiQLFetcher({
    url: endpoint,
    fetch: fetchWithToken,
    // The server sends no answer in parts.
    enableIncrementalDelivery: false,
    // Opened for the first subscription, closed after the last.
    wsClient: createClient({
      url: socketEndpoint,
      connectionParams: token === null ? undefined : { token },
      on: {
        closed: (event) => {
          if ((event as Partial<CloseEvent>).code === FORBIDDEN) {
            access.refused(token);
          }
        },
      },
    }),
  });
}

function Page() {
  const { token, wanted } = useAccess();
  const fetcher = useMemo(() => fetcherWith(token), [token]);
  if (wanted !== false) {
    return <SignIn />;
  }
  return (
    <>
      <h1 className="unseen">GraphiQL of this Longhaul server</h1>
      <GraphiQL
        key={token}
        fetcher={fetcher}
        defaultTabs={samples}
        {...firstVariables()}
        editorTheme={editorTheme}
        defaultEditorToolsVisibility="variables"
        customScalarSchemas={{ JSON: {}, Long: { type: "integer" } }}
      >
        <GraphiQL.Logo>
          <a className="graphiql-logo-link" href="/">
            Longhaul
          </a>
          {token !== null && (
            <button type="button" className="forget" onClick={() => access.forget()}>
              Forget the token
            </button>
          )}
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

const root = document.getElementById("graphiql");
if (root === null) {
  throw new Error("graphiql.html has no element #graphiql");
}
nameTabs(root);
createRoot(root).render(
  <main>
    <Page />
  </main>,
);
