import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;

export type Level = (typeof LEVELS)[number];

/** What the address of this page may say besides `range`. */
export type Search = {
  /** This level and above; absent: all. */
  level?: Level;
  /** What the name of the logger begins with. */
  logger?: string;
  /** Somewhere in the message or the traceback. */
  q?: string;
  /** Records about one request. */
  request?: string;
  /** Long lines are broken. */
  wrap?: "1";
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    level: wordParam(search, "level", LEVELS),
    logger: textParam(search, "logger", 256),
    q: textParam(search, "q", 200),
    request: textParam(search, "request", 256),
    wrap: wordParam(search, "wrap", ["1"]),
  });
}
