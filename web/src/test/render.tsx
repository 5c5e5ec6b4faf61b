import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRoute, createRouter, Outlet, RouterProvider } from "@tanstack/react-router";
import { render, type RenderResult } from "@testing-library/react";
import type { ReactElement } from "react";

import { makeQueryClient } from "../api/query";
import { parseSearch, stringifySearch } from "../lib/search";
import { TooltipProvider } from "../ui/Tooltip";

type Rendered = RenderResult & {
  /** The address now, with its search. */
  address: () => string;
};

/**
 * Renders a page, or a part of one, as the shell would: `path` is the pattern of its
 * route, as in `/requests/$id`, and `at` the address. Any other address shows nothing.
 */
export async function renderPage(page: ReactElement, { path = "/", at = path }: { path?: string; at?: string } = {}): Promise<Rendered> {
  const root = createRootRoute({ component: Outlet });
  // The ids must be those of the real routes: pages name them.
  const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Outlet });
  const route = createRoute({ getParentRoute: () => shell, path, component: () => page });
  const rest = createRoute({ getParentRoute: () => shell, path: "$", component: () => null });
  const router = createRouter({
    routeTree: root.addChildren([shell.addChildren([route, rest])]),
    history: createMemoryHistory({ initialEntries: [at] }),
    parseSearch,
    stringifySearch,
  });
  await router.load();
  const queries = makeQueryClient();
  queries.setDefaultOptions({ queries: { retry: false, gcTime: Infinity } });
  const result = render(
    <QueryClientProvider client={queries}>
      <TooltipProvider>
        {/* The types are those of the real router. */}
        <RouterProvider router={router as never} />
      </TooltipProvider>
    </QueryClientProvider>,
  );
  return { ...result, address: () => router.state.location.href };
}
