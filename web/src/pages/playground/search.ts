import { allowed, textParam, type RawSearch } from "../../lib/search";

/** What the address of this page may say. */
export type Search = {
  /** The request to begin with: its id. */
  from?: string;
  /** The model to begin with. */
  model?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({ from: textParam(search, "from", 200), model: textParam(search, "model", 200) });
}
