/** The search of the Requests page that shows what a number was made of. */
import { type Term, writeFilter } from "./filter";

/** What must be equal; an empty or unknown value is left out, since nothing can be asked of it. */
export function requestQuery(equal: Readonly<Record<string, string | number | null | undefined>>): { q?: string } {
  const terms = Object.entries(equal).flatMap<Term>(([field, value]) =>
    value === null || value === undefined || value === "" ? [] : [{ field, value: String(value), not: false, compare: "=" }],
  );
  return terms.length === 0 ? {} : { q: writeFilter({ terms, text: "" }) };
}
