/** From the filter of the page to what the gateway can be asked. */
import { type Field, type Filter, type Term, writeTerm } from "../../lib/filter";
import type { Dimension } from "./search";

/** What fields are called in a filter, here and on the page of requests, and in the gateway's question. */
const TEXTS = {
  provider: "provider",
  credential: "credential",
  model: "model",
  served: "served_model",
  key: "key",
  format: "format",
  upstream: "upstream_format",
  endpoint: "endpoint",
  error: "error",
} as const;
type Name = (typeof TEXTS)[keyof typeof TEXTS];
const SWITCHES = ["stream", "failed"] as const;

export const FIELDS: readonly Field[] = [
  ...Object.entries(TEXTS).map(([name, asked]) => ({ name, ...(asked.endsWith("format") && { values: ["chat", "messages", "responses", "gemini"] }) })),
  { name: "status", values: ["2xx", "4xx", "5xx", "429"] },
  ...SWITCHES.map((name) => ({ name, values: ["yes", "no"] })),
];

export type Asked = Partial<Record<Name | "status" | "text", string> & Record<(typeof SWITCHES)[number], boolean>>;

function isText(field: string): field is keyof typeof TEXTS {
  return field in TEXTS;
}

/** The field that has one name of a dimension; null: there is none to filter by. */
export function fieldOf(dimension: Dimension): string | null {
  if (dimension === "status") return dimension;
  return Object.entries(TEXTS).find(([, asked]) => asked === dimension)?.[0] ?? null;
}

/** What of a term can be asked; null: nothing. */
function asked({ field, value, not }: Term): Asked | null {
  const yes = /^(yes|true)$/i.test(value);
  const no = /^(no|false)$/i.test(value);
  if ((field === "stream" || field === "failed") && (yes || no)) return { [field]: yes !== not };
  if (not) return null;
  if (field === "status") return /^[1-5](\d\d|xx)$/.test(value) ? { status: value } : null;
  return isText(field) ? { [TEXTS[field]]: value } : null;
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
