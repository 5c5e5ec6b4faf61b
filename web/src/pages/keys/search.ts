import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export type Search = {
  /** The key whose panel is open. */
  id?: string;
  /** A new one is being made. */
  add?: "1";
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({ id: textParam(search, "id", 100), add: wordParam(search, "add", ["1"]) });
}
