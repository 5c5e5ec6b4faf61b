import { allowed, type RawSearch, wordParam } from "../../lib/search";

export const CLIENTS = ["openai", "anthropic", "gemini"] as const;

export type Client = (typeof CLIENTS)[number];

/** What the address of this page may say besides `range`. */
export type Search = {
  /** Whose client the first steps are shown for. */
  client?: Client;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({ client: wordParam(search, "client", CLIENTS) });
}
