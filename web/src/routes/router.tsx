// Which page an address shows. Pages other than the list are loaded when they are wanted.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { jobsSearch, parseSearch, stringifySearch } from "../features/jobs/search";
import { ErrorPage } from "./ErrorPage";
import { Frame } from "./Frame";
import { JobsPage } from "./JobsPage";
import { NotFoundPage } from "./NotFoundPage";
import { pages } from "./pages";

const root = createRootRoute({
  component: Frame,
  notFoundComponent: NotFoundPage,
  errorComponent: ErrorPage,
});

export const jobsRoute = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: jobsSearch,
  component: JobsPage,
});

export const jobRoute = createRoute({
  getParentRoute: () => root,
  path: "/jobs/$id",
  component: lazyRouteComponent(pages.job, "JobPage"),
});

export const startRoute = createRoute({
  getParentRoute: () => root,
  path: "/start",
  validateSearch: startSearch,
  component: lazyRouteComponent(pages.start, "StartPage"),
});

export const overviewRoute = createRoute({
  getParentRoute: () => root,
  path: "/overview",
  component: lazyRouteComponent(pages.overview, "OverviewPage"),
});

export const queuesRoute = createRoute({
  getParentRoute: () => root,
  path: "/queues",
  component: lazyRouteComponent(pages.queues, "QueuesPage"),
});

export const queueRoute = createRoute({
  getParentRoute: () => root,
  path: "/queues/$name",
  component: lazyRouteComponent(pages.queues, "QueuePage"),
});

export const kindsRoute = createRoute({
  getParentRoute: () => root,
  path: "/kinds",
  component: lazyRouteComponent(pages.kinds, "KindsPage"),
});

export const workersRoute = createRoute({
  getParentRoute: () => root,
  path: "/workers",
  component: lazyRouteComponent(pages.workers, "WorkersPage"),
});

export const tokensRoute = createRoute({
  getParentRoute: () => root,
  path: "/tokens",
  component: lazyRouteComponent(pages.tokens, "TokensPage"),
});

/** Which kind, and the job whose arguments the form begins with. */
function startSearch(raw: Record<string, unknown>): { kind?: string | undefined; like?: string | undefined } {
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return { kind: text(raw.kind), like: text(raw.like) };
}

export const router = createRouter({
  routeTree: root.addChildren([
    jobsRoute,
    jobRoute,
    startRoute,
    overviewRoute,
    queuesRoute,
    queueRoute,
    kindsRoute,
    workersRoute,
    tokensRoute,
  ]),
  parseSearch,
  stringifySearch,
  // It would put a log back to where it was, too, when the address comes to name another line of it.
  scrollRestoration: ({ location }) => location.hash === "",
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
