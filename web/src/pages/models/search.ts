import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export const FORMATS = ["chat", "messages", "responses", "gemini"] as const;
export type Format = (typeof FORMATS)[number];

/** What the address of this page may say. */
export type Search = {
  /** The name that is asked for. */
  ask?: string;
  /** In which format; else chat. */
  format?: Format;
  /** By which client key, by its identifier; else one that may do everything. */
  as?: string;
  /** Part of a name, of a kind, of a credential. */
  find?: string;
  /** `warnings`: only rows with one. */
  only?: "warnings";
  /** The model that is open in the drawer. */
  open?: string;
  sort?: "name" | "kind" | "used";
  order?: "down";
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    ask: textParam(search, "ask", 256),
    format: wordParam(search, "format", FORMATS),
    as: textParam(search, "as", 100),
    find: textParam(search, "find", 256),
    only: wordParam(search, "only", ["warnings"] as const),
    open: textParam(search, "open", 256),
    sort: wordParam(search, "sort", ["name", "kind", "used"] as const),
    order: wordParam(search, "order", ["down"] as const),
  });
}
