import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export const DIMENSIONS = ["model", "served_model", "provider", "credential", "format", "upstream_format", "key", "status", "outcome", "error", "endpoint"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const PERCENTILES = ["p50", "p95"] as const;
export type Percentile = (typeof PERCENTILES)[number];

/** What the address of this page may say besides `range`. */
export type Search = {
  /** What series are told apart by; else by model. */
  by?: Dimension;
  /** Of the latencies; else p95. */
  p?: Percentile;
  /** The filter as written (`lib/filter.ts`). */
  q?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    by: wordParam(search, "by", DIMENSIONS),
    p: wordParam(search, "p", PERCENTILES),
    q: textParam(search, "q", 2000),
  });
}
