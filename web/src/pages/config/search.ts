import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export const TABS = ["effective", "schema"] as const;

/** What the address of this page may say besides `range`. */
export type Search = {
  /** Which tab; the editor when absent. */
  tab?: (typeof TABS)[number];
  /** The place in the configuration to show, as in `model-rewrites[0].to`. */
  at?: string;
  /** A line of the file, for what has no place. */
  line?: string;
  /** The text that the values, or the keys of the reference, are narrowed to. */
  q?: string;
  /** Only values from there: `file`, `environment`, `flag` or `default`. */
  source?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    tab: wordParam(search, "tab", TABS),
    at: textParam(search, "at", 300),
    line: textParam(search, "line", 8),
    q: textParam(search, "q", 200),
    source: textParam(search, "source", 20),
  });
}
