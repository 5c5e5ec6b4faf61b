/** From the filter as written to the gateway's question, and the same question for rows that come live. */
import type { paths } from "../../api/schema";
import { type Field, type Filter, matchesGlob, type Term } from "../../lib/filter";
import type { Entry } from "../../ui/request/data";

export type LogQuery = Omit<NonNullable<paths["/api/dashboard/logs"]["get"]["parameters"]["query"]>, "before" | "after" | "limit" | "page" | "page_size" | "from" | "to">;

type Name = "provider" | "credential" | "model" | "served_model" | "key" | "format" | "upstream_format" | "endpoint" | "error";

/** What a field is called in a filter, and in the gateway's question. */
const NAMES: Record<string, Name> = {
  provider: "provider",
  credential: "credential",
  model: "model",
  served: "served_model",
  key: "key",
  format: "format",
  upstream: "upstream_format",
  endpoint: "endpoint",
  error: "error",
};

const FLAGS: Record<string, "stream" | "failed" | "retried"> = { stream: "stream", failed: "failed", retried: "retried" };

const OVER: Record<string, "min_latency_ms" | "min_first_content_ms" | "min_cost"> = { latency: "min_latency_ms", ttft: "min_first_content_ms", cost: "min_cost" };

const STATUS = /^[1-5](\d\d|xx)$/;
const STATUSES = ["2xx", "4xx", "5xx", "400", "401", "403", "404", "429", "499", "500", "502", "503", "529"];
const YES = ["yes", "true", "1"];
const NO = ["no", "false", "0"];

export type Known = Partial<Record<string, readonly string[]>>;

/** The fields of the filter bar; `known` are the names in the log. */
export function filterFields(known: Known): Field[] {
  return [
    { name: "status", values: STATUSES },
    ...Object.keys(NAMES).map((name) => ({ name, values: known[name] ?? [] })),
    { name: "stream", values: ["yes", "no"] },
    { name: "failed", values: ["yes", "no"] },
    { name: "retried", values: ["yes"] },
    ...Object.keys(OVER).map((name) => ({ name, ordered: true, values: [] })),
  ];
}

/** A number with its unit, in milliseconds or dollars: `>500`, `>1.5s`. */
function amount(value: string): number | null {
  const match = /^\$?(\d+(?:\.\d+)?)(ms|s)?$/.exec(value);
  if (match === null) return null;
  return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

/** The question, and the terms that it cannot say. */
export function toQuery(filter: Filter): { query: LogQuery; ignored: Term[] } {
  const query: LogQuery = {};
  const ignored: Term[] = [];
  const put = <K extends keyof LogQuery>(name: K, value: LogQuery[K] | null, term: Term) => {
    if (value === null || query[name] !== undefined) ignored.push(term);
    else query[name] = value;
  };
  for (const term of filter.terms) {
    const { field, value, not, compare } = term;
    const over = OVER[field];
    const flag = FLAGS[field];
    const name = NAMES[field];
    if (not) ignored.push(term);
    else if (over !== undefined) put(over, compare === ">" || compare === ">=" ? amount(value) : null, term);
    else if (compare !== "=") ignored.push(term);
    else if (field === "status") put("status", STATUS.test(value) ? value : null, term);
    else if (flag === "retried") put("retried", YES.includes(value) ? true : null, term);
    else if (flag !== undefined) put(flag, YES.includes(value) ? true : NO.includes(value) ? false : null, term);
    else if (name !== undefined) put(name, value, term);
    else ignored.push(term);
  }
  if (filter.text !== "") query.text = filter.text.slice(0, 200);
  return { query, ignored };
}

const TEXT_FIELDS = ["model", "served_model", "credential", "provider", "key", "path", "error", "error_code"] as const;

/** Whether a row that came live is one that the gateway would have given. */
export function matchesQuery(entry: Entry, query: LogQuery): boolean {
  for (const name of Object.values(NAMES)) {
    const wanted = query[name];
    if (wanted !== undefined && !matchesGlob(wanted, entry[name] ?? "")) return false;
  }
  if (query.status !== undefined && (query.status.endsWith("xx") ? Math.floor(entry.status / 100) !== Number(query.status[0]) : entry.status !== Number(query.status))) return false;
  if (query.stream !== undefined && entry.stream !== query.stream) return false;
  if (query.failed !== undefined && entry.failed !== query.failed) return false;
  if (query.retried === true && entry.attempts < 2) return false;
  if (query.min_latency_ms !== undefined && entry.latency_ms < query.min_latency_ms) return false;
  if (query.min_first_content_ms !== undefined && (entry.first_content_ms ?? -1) < query.min_first_content_ms) return false;
  if (query.min_cost !== undefined && (entry.cost === null || Number(entry.cost) < query.min_cost)) return false;
  return query.text === undefined || hasText(entry, query.text);
}

/** Beginnings of words, as the gateway looks for them; all must be there. */
function hasText(entry: Entry, text: string): boolean {
  const wanted = text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  if (entry.request_id.toLowerCase().startsWith(text.toLowerCase())) return true;
  const words = TEXT_FIELDS.flatMap((field) => (entry[field] ?? "").toLowerCase().split(/[^\p{L}\p{N}]+/u));
  return wanted.every((each) => words.some((word) => word.startsWith(each)));
}
