import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export const FORMATS = ["chat", "messages", "responses", "gemini"] as const;

export type FormatName = (typeof FORMATS)[number];

/** What the address of this page may say besides `range`: the request that is asked about. */
export type Search = {
  model?: string;
  /** What the client speaks; chat when absent. */
  format?: FormatName;
  /** The id of the client's key; one that may do everything when absent. */
  key?: string;
  stream?: "1";
  /** Beside it, where the edited rules would lead. */
  compare?: "1";
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    model: textParam(search, "model", 300),
    format: wordParam(search, "format", FORMATS),
    key: textParam(search, "key", 200),
    stream: wordParam(search, "stream", ["1"] as const),
    compare: wordParam(search, "compare", ["1"] as const),
  });
}
