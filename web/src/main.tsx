// The dashboard's entry.

import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { loadAll } from "./components/later";
import { answered, connection } from "./graphql/client";
import { router } from "./routes/router";
import "./styles/tokens.css";
import "./styles/base.css";

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
  await loadAll(
    [
      () => import("./routes/JobPage"),
      () => import("./routes/OverviewPage"),
      () => import("./routes/QueuesPage"),
      () => import("./routes/KindsPage"),
      () => import("./routes/WorkersPage"),
      () => import("./routes/TokensPage"),
      () => import("./routes/StartPage"),
    ],
    () => connection.isLive(),
  );
}
