import type { RawSearch } from "../../lib/search";

/** What the address of this page may say besides `range`. */
export type Search = Record<never, never>;

export function validateSearch(_search: RawSearch): Search {
  return {};
}
