// GraphiQL's entry: the whole tool from this server, over the same path as every other client.

import "./workers";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./graphiql.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";
import { firstVariables, samples } from "./samples";
import { nameTabs } from "./tabs";
import { editorTheme } from "./theme";

const url = new URL("/graphql", window.location.href).href;

const fetcher = createGraphiQLFetcher({
  url,
  // The server sends no answer in parts.
  enableIncrementalDelivery: false,
  // http becomes ws, https becomes wss. Opened for the first subscription, closed after the last.
  wsClient: createClient({ url: url.replace(/^http/, "ws") }),
});

const root = document.getElementById("graphiql");
if (root === null) {
  throw new Error("graphiql.html has no element #graphiql");
}
nameTabs(root);
createRoot(root).render(
  <main>
    <h1 className="unseen">GraphiQL of this Longhaul server</h1>
    <GraphiQL
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
      </GraphiQL.Logo>
    </GraphiQL>
  </main>,
);
