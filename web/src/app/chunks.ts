/**
 * Pages are loaded when they are first opened. After an upgrade of the gateway the
 * files of an open page are gone: that is told apart from an error of the page.
 */
import { lazyRouteComponent } from "@tanstack/react-router";
import type { ComponentType } from "react";

export class ChunkError extends Error {
  override readonly name = "ChunkError";
}

/**
 * `load` gives a module that exports `Page`. Its type is not looked at: a page uses
 * the types of the routes, and these would then depend on themselves.
 */
export function lazyPage(load: () => Promise<unknown>) {
  return lazyRouteComponent<{ Page: ComponentType }, "Page">(
    () =>
      (load() as Promise<{ Page: ComponentType }>).catch((cause: unknown) => {
        // A message of our own: the router reloads the page by itself on those it knows.
        throw new ChunkError("a part of the dashboard is missing", { cause });
      }),
    "Page",
  );
}
