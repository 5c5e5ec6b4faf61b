import { allowed, textParam, type RawSearch } from "../../lib/search";

/** What the address of this page may say besides `range`. */
export type Search = {
  /** The filter as written (`lib/filter.ts`). */
  q?: string;
  /** The request that is open in the drawer. */
  id?: string;
  /** The tab of the drawer. */
  tab?: string;
  /** Two request ids, with a blank between, that are compared. */
  compare?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    q: textParam(search, "q", 2000),
    id: textParam(search, "id", 200),
    tab: textParam(search, "tab", 40),
    compare: textParam(search, "compare", 400),
  });
}
