/**
 * Pages, and parts that are not seen at first, are loaded when they are opened. After
 * an upgrade of the gateway the files of an open page are gone: that is told apart
 * from an error of the page.
 */
import { lazyRouteComponent } from "@tanstack/react-router";
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

export class ChunkError extends Error {
  override readonly name = "ChunkError";
}

function orChunkError<T>(loading: Promise<T>): Promise<T> {
  return loading.catch((cause: unknown) => {
    // A message of our own: the router reloads the page by itself on those it knows.
    throw new ChunkError("a part of the dashboard is missing", { cause });
  });
}

/**
 * `load` gives a module that exports `Page`. Its type is not looked at: a page uses
 * the types of the routes, and these would then depend on themselves.
 */
export function lazyPage(load: () => Promise<unknown>) {
  return lazyRouteComponent<{ Page: ComponentType }, "Page">(() => orChunkError(load() as Promise<{ Page: ComponentType }>), "Page");
}

/** A part of a page, to stand within `Suspense`. */
export function lazyPart<P extends object>(load: () => Promise<ComponentType<P>>): LazyExoticComponent<ComponentType<P>> {
  return lazy(() => orChunkError(load().then((part) => ({ default: part }))));
}
