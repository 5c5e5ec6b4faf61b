import { allowed, type RawSearch, textParam, wordParam } from "../../lib/search";

export type Search = {
  /** The provider whose panel is open. */
  id?: string;
  /** Its settings are being changed. */
  edit?: "1";
  /** A new one is being added: `choose`, or the preset that it begins with. */
  add?: string;
};

export function validateSearch(search: RawSearch): Search {
  return allowed<Search>({
    id: textParam(search, "id", 100),
    edit: wordParam(search, "edit", ["1"]),
    add: textParam(search, "add", 40),
  });
}
