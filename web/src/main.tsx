// The dashboard, which the first script loads.

import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { loadAll } from "./components/later";
import { earlyAnswered } from "./features/jobs/early";
import { answered, connection } from "./graphql/client";
import { loadEarly, pages } from "./routes/pages";
import { router } from "./routes/router";
import "./styles/tokens.css";
import "./styles/base.css";

// The router would ask for it once it is drawn.
loadEarly(window.location.pathname);
const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no element #root");
}
createRoot(root).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
// The first page needs no socket to be drawn.
setTimeout(() => connection.start());
void loadRest();

/** All else of the pages, once the first one is there: whoever waits for it waits for nothing else. */
async function loadRest(): Promise<void> {
  await answered();
  await earlyAnswered();
  await loadAll(Object.values(pages), () => connection.isLive());
  // For whoever measures the page, or takes its server away.
  performance.mark("all-loaded");
}
