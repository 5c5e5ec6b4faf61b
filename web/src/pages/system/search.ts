import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

/** What the address of this page may say besides `range`. */
export type Search = {
  /** The record of the audit trail that is open, by its number. */
  record?: string;
  /** The question that is open. */
  ask?: "reload" | "support";
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({ record: textParam(search, "record", 20), ask: wordParam(search, "ask", ["reload", "support"]) });
}
