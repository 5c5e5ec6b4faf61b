/** From the filter of the page to what the gateway can be asked. */
import { type Field, type Filter, type Term, writeTerm } from "../../lib/filter";

const TEXTS = ["provider", "credential", "model", "served_model", "key", "format", "upstream_format", "endpoint", "error"] as const;
const SWITCHES = ["stream", "failed"] as const;

export const FIELDS: readonly Field[] = [
  ...TEXTS.map((name) => ({ name, ...(name.endsWith("format") && { values: ["chat", "messages", "responses", "gemini"] }) })),
  { name: "status", values: ["2xx", "4xx", "5xx", "429"] },
  ...SWITCHES.map((name) => ({ name, values: ["yes", "no"] })),
];

export type Asked = Partial<Record<(typeof TEXTS)[number] | "status" | "text", string> & Record<(typeof SWITCHES)[number], boolean>>;

export function isText(field: string): field is (typeof TEXTS)[number] {
  return TEXTS.some((name) => name === field);
}

/** What of a term can be asked; null: nothing. */
function asked({ field, value, not }: Term): Asked | null {
  const yes = /^(yes|true)$/i.test(value);
  const no = /^(no|false)$/i.test(value);
  if ((field === "stream" || field === "failed") && (yes || no)) return { [field]: yes !== not };
  if (not) return null;
  if (field === "status") return /^[1-5](\d\d|xx)$/.test(value) ? { status: value } : null;
  return isText(field) ? { [field]: value } : null;
}

/** The query, and the terms that it cannot express: exclusions, and a second value of a field. */
export function toQuery(filter: Filter): { query: Asked; left: string[] } {
  const query: Asked = filter.text === "" ? {} : { text: filter.text.slice(0, 200) };
  const left: string[] = [];
  for (const term of filter.terms) {
    const part = asked(term);
    if (part === null || Object.keys(part).some((key) => key in query)) left.push(writeTerm(term));
    else Object.assign(query, part);
  }
  return { query, left };
}
