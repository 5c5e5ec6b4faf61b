/** What the list is made of: requests in progress, finished ones, holes, and the end. */
import type { Row } from "../../live/rows";
import type { Span } from "../../live/sequence";
import type { Entry } from "../../ui/request/data";
import type { LogQuery } from "./filterQuery";
import { matchesGlob } from "../../lib/filter";

export type RunningRequest = {
  request_id: string;
  started: number;
  format: string;
  model: string;
  stream: boolean;
  attempts: number;
  credential: string | null;
  served_model: string | null;
  first_content_ms: number | null;
  pieces: number;
  bytes_out: number;
};

export type ListRow =
  | { kind: "running"; key: string; running: RunningRequest }
  | { kind: "entry"; key: string; entry: Entry }
  | { kind: "gap"; key: string; span: Span }
  | { kind: "end"; key: string };

function isRunning(value: unknown): value is RunningRequest {
  if (typeof value !== "object" || value === null) return false;
  const { request_id: id, started, model } = value as Record<string, unknown>;
  return typeof id === "string" && typeof started === "number" && typeof model === "string";
}

/** The requests of the `running` channel, read without trust. */
export function readRunning(value: unknown): RunningRequest[] {
  const found = typeof value === "object" && value !== null ? (value as { requests?: unknown }).requests : undefined;
  return Array.isArray(found) ? found.filter(isRunning) : [];
}

/** Whether a request in progress can be among those meant: what is not known yet is no match. */
export function mayMatch(running: RunningRequest, query: LogQuery): boolean {
  const { model, served_model: served, credential, format, stream, ...rest } = query;
  if (Object.keys(rest).length > 0) return false;
  if (model !== undefined && !matchesGlob(model, running.model)) return false;
  if (served !== undefined && !matchesGlob(served, running.served_model ?? "")) return false;
  if (credential !== undefined && !matchesGlob(credential, running.credential ?? "")) return false;
  if (format !== undefined && !matchesGlob(format, running.format)) return false;
  return stream === undefined || stream === running.stream;
}

export type Parts = {
  running: readonly RunningRequest[];
  /** Oldest first, those that are meant. */
  live: readonly Row<Entry>[];
  missing: readonly Span[];
  /** Newest first. */
  pages: readonly Entry[];
  /** There is nothing older to load. */
  ended: boolean;
  /** Requests that were seen in progress: their rows keep their places in the document. */
  seen: ReadonlySet<string>;
};

const made = new WeakMap<Entry, ListRow>();

/** The same object each time, so that a row that is shown is not rendered again for those that come. */
function rowOf(entry: Entry, key: string): ListRow {
  const known = made.get(entry);
  if (known?.key === key) return known;
  const row: ListRow = { kind: "entry", key, entry };
  made.set(entry, row);
  return row;
}

export function listRows({ running, live, missing, pages, ended, seen }: Parts): ListRow[] {
  const used = new Set<string>();
  const entryRow = (entry: Entry): ListRow => {
    // An id is the client's to choose, and may come twice.
    const own = `r:${entry.request_id}`;
    const key = seen.has(entry.request_id) && !used.has(own) ? own : `s:${entry.seq}`;
    used.add(key);
    return rowOf(entry, key);
  };
  const finished = new Set([...live.map((row) => row.data.request_id), ...pages.slice(0, 200).map((entry) => entry.request_id)]);
  const holes = [...missing].reverse();
  const middle: ListRow[] = [];
  for (let at = live.length - 1; at >= 0; at -= 1) {
    const row = live[at];
    if (row === undefined) continue;
    for (let hole = holes[0]; hole !== undefined && hole.from > row.seq; hole = holes[0]) {
      middle.push({ kind: "gap", key: `g:${hole.from}`, span: hole });
      holes.shift();
    }
    middle.push(entryRow(row.data));
  }
  for (const hole of holes) middle.push({ kind: "gap", key: `g:${hole.from}`, span: hole });
  const top = running
    .filter((each) => !finished.has(each.request_id))
    .map((each): ListRow => {
      used.add(`r:${each.request_id}`);
      return { kind: "running", key: `r:${each.request_id}`, running: each };
    });
  const rows = [...top, ...middle, ...pages.map(entryRow)];
  if (ended && rows.length > 0) rows.push({ kind: "end", key: "end" });
  return rows;
}
