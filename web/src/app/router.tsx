/** All addresses of the dashboard. A page's own search parameters are in its `search.ts`. */
import { createRootRoute, createRoute, createRouter, Outlet, redirect, retainSearchParams } from "@tanstack/react-router";

import { ApiError } from "../api/error";
import { firstSession } from "../api/session";
import { parseRange } from "../lib/range";
import { parseSearch, allowed, type RawSearch, stringifySearch, textParam } from "../lib/search";
import { linkPending } from "../lib/signInLink";
import { useSession } from "../live/session";
import { validateSearch as config } from "../pages/config/search";
import { validateSearch as keys } from "../pages/keys/search";
import { validateSearch as login } from "../pages/login/search";
import { validateSearch as logs } from "../pages/logs/search";
import { validateSearch as metrics } from "../pages/metrics/search";
import { validateSearch as models } from "../pages/models/search";
import { validateSearch as overview } from "../pages/overview/search";
import { validateSearch as playground } from "../pages/playground/search";
import { validateSearch as providers } from "../pages/providers/search";
import { validateSearch as request } from "../pages/request/search";
import { validateSearch as requests } from "../pages/requests/search";
import { validateSearch as routing } from "../pages/routing/search";
import { validateSearch as system } from "../pages/system/search";
import { lazyPage } from "../lib/chunks";
import type { PageName } from "./pages";
import { NotFound, PageError, PagePending, StartError } from "./PageStates";
import { Shell } from "./Shell";

export type RootSearch = {
  /** The time range (`lib/range.ts`); it goes along from page to page. */
  range?: string;
};

/* eslint-disable @typescript-eslint/consistent-type-definitions -- these merge with those of the router */
declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    /** Its name in the catalogue under `shell:nav`. */
    page?: PageName | "request";
    /** Whether the header offers a time range. */
    timed?: boolean;
    /** Whether the page shows live data, and so the indicator. */
    live?: boolean;
  }

  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
/* eslint-enable @typescript-eslint/consistent-type-definitions */

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: StartError,
  validateSearch: (search: RawSearch): RootSearch => {
    const range = textParam(search, "range", 40);
    return allowed<RootSearch>({ range: parseRange(range) === null ? undefined : range });
  },
});

/** A page without a session leads to the form and back. */
async function requireSession({ location }: { location: { pathname: string; searchStr: string } }): Promise<void> {
  await firstSession();
  if (useSession.getState().state === "signed-in") return;
  const next = location.pathname + location.searchStr;
  throw redirect({ to: "/login", search: next === "/" ? {} : { next } });
}

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: requireSession,
  component: Shell,
  notFoundComponent: NotFound,
  search: { middlewares: [retainSearchParams<RootSearch>(["range"])] },
});

const loginRoute = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: login,
  beforeLoad: async () => {
    // With a link to sign in there is nothing to ask first.
    if (linkPending()) return;
    await firstSession().catch((error: unknown) => {
      // The form says so when it is used.
      if (!(error instanceof ApiError)) throw error;
    });
  },
  component: lazyPage(() => import("../pages/login")),
});

const timed = { timed: true, live: true } as const;

// One by one: written inside `addChildren` their types come out as `any`.
const overviewPage = createRoute({ getParentRoute: () => shell, path: "/", validateSearch: overview, staticData: { page: "overview", ...timed }, component: lazyPage(() => import("../pages/overview")) });
const metricsPage = createRoute({ getParentRoute: () => shell, path: "/metrics", validateSearch: metrics, staticData: { page: "metrics", ...timed }, component: lazyPage(() => import("../pages/metrics")) });
const requestsPage = createRoute({ getParentRoute: () => shell, path: "/requests", validateSearch: requests, staticData: { page: "requests", ...timed }, component: lazyPage(() => import("../pages/requests")) });
const requestPage = createRoute({ getParentRoute: () => shell, path: "/requests/$id", validateSearch: request, staticData: { page: "request" }, component: lazyPage(() => import("../pages/request")) });
const playgroundPage = createRoute({ getParentRoute: () => shell, path: "/playground", validateSearch: playground, staticData: { page: "playground" }, component: lazyPage(() => import("../pages/playground")) });
const providersPage = createRoute({ getParentRoute: () => shell, path: "/providers", validateSearch: providers, staticData: { page: "providers", live: true }, component: lazyPage(() => import("../pages/providers")) });
const modelsPage = createRoute({ getParentRoute: () => shell, path: "/models", validateSearch: models, staticData: { page: "models" }, component: lazyPage(() => import("../pages/models")) });
const keysPage = createRoute({ getParentRoute: () => shell, path: "/keys", validateSearch: keys, staticData: { page: "keys" }, component: lazyPage(() => import("../pages/keys")) });
const routingPage = createRoute({ getParentRoute: () => shell, path: "/routing", validateSearch: routing, staticData: { page: "routing" }, component: lazyPage(() => import("../pages/routing")) });
const configPage = createRoute({ getParentRoute: () => shell, path: "/config", validateSearch: config, staticData: { page: "config" }, component: lazyPage(() => import("../pages/config")) });
const logsPage = createRoute({ getParentRoute: () => shell, path: "/logs", validateSearch: logs, staticData: { page: "logs", live: true }, component: lazyPage(() => import("../pages/logs")) });
const systemPage = createRoute({ getParentRoute: () => shell, path: "/system", validateSearch: system, staticData: { page: "system", live: true }, component: lazyPage(() => import("../pages/system")) });
const restPage = createRoute({ getParentRoute: () => shell, path: "$", component: NotFound });

const routes = root.addChildren([
  loginRoute,
  shell.addChildren([overviewPage, metricsPage, requestsPage, requestPage, playgroundPage, providersPage, modelsPage, keysPage, routingPage, configPage, logsPage, systemPage, restPage]),
]);

export function makeRouter() {
  return createRouter({
    routeTree: routes,
    basepath: "/dashboard",
    parseSearch,
    stringifySearch,
    defaultPreload: "intent",
    defaultPendingMs: 200,
    defaultPendingComponent: PagePending,
    defaultErrorComponent: PageError,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: false,
  });
}
