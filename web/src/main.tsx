// The dashboard's entry.

import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connection } from "./graphql/client";
import { router } from "./routes/router";
import "./styles/tokens.css";
import "./styles/base.css";

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no element #root");
}
connection.start();
// Every page opens also while the server is away: what it is made of has come before.
window.addEventListener("load", () => {
  const rest = [
    import("./routes/JobPage"),
    import("./routes/StartPage"),
    import("./routes/OverviewPage"),
    import("./routes/QueuesPage"),
    import("./routes/KindsPage"),
    import("./routes/WorkersPage"),
    import("./routes/TokensPage"),
    import("./components/Palette"),
  ];
  // What did not come is asked for again when it is opened, and says so there.
  void Promise.allSettled(rest);
});
createRoot(root).render(
  <StrictMode>
    <RouterProvider router={router} />
  </StrictMode>,
);
