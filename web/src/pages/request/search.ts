import { allowed, textParam, type RawSearch } from "../../lib/search";

export type Search = {
  /** The tab that is open. */
  tab?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({ tab: textParam(search, "tab", 40) });
}
