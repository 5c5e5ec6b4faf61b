import { allowed, textParam, type RawSearch } from "../../lib/search";

export type Search = {
  /** Where to go after signing in: a path of this dashboard. */
  next?: string;
};

export function validateSearch(search: RawSearch): Search {
  const next = textParam(search, "next", 2000);
  // A path alone: an address from outside could name another host.
  return allowed<Search>({ next: next !== undefined && /^\/(?![/\\])/.test(next) ? next : undefined });
}
