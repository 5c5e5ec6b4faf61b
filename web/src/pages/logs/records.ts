/** Records of the gateway's own log: which are meant, how they read as text, and what lies between them. */
import type { Schemas } from "../../api/client";
import { isoTime } from "../../lib/format";
import type { Row, Span } from "../../live";
import { LEVELS, type Search } from "./search";

export type LogRecord = Schemas["AppRecord"];

/** What is asked of the gateway; live records are held to the same here. */
export type Wanted = Pick<Search, "level" | "logger" | "q" | "request">;

export function allows(wanted: Wanted, record: LogRecord): boolean {
  const text = wanted.q?.toLowerCase() ?? "";
  return (
    LEVELS.indexOf(record.level) >= LEVELS.indexOf(wanted.level ?? "debug") &&
    record.logger.startsWith(wanted.logger ?? "") &&
    (wanted.request === undefined || record.request_id === wanted.request) &&
    (record.message.toLowerCase().includes(text) || (record.traceback ?? "").toLowerCase().includes(text))
  );
}

export function anyWanted(wanted: Wanted): boolean {
  return wanted.level !== undefined || wanted.logger !== undefined || wanted.q !== undefined || wanted.request !== undefined;
}

export type Line = { kind: "record"; record: LogRecord } | { kind: "gap"; span: Span };

/** The oldest first: what was loaded, what came live, and a mark where some are missing. */
export function lines(loaded: readonly LogRecord[], live: readonly Row<LogRecord>[], missing: readonly Span[], wanted: Wanted): Line[] {
  const last = loaded.at(-1)?.seq ?? 0;
  const fresh = live.filter((row) => row.seq > last && allows(wanted, row.data)).map((row) => row.data);
  const all: Line[] = [...loaded, ...fresh].map((record) => ({ kind: "record", record }));
  for (const span of missing) {
    const at = all.findIndex((line) => line.kind === "record" && line.record.seq > span.to);
    all.splice(at < 0 ? all.length : at, 0, { kind: "gap", span });
  }
  return all;
}

export function lineKey(line: Line): string {
  return line.kind === "record" ? String(line.record.seq) : `gap ${line.span.from}`;
}

/** As it would stand in a file. */
export function asText(record: LogRecord): string {
  const request = record.request_id === null ? "" : ` [${record.request_id}]`;
  const traceback = record.traceback === null ? "" : `\n${record.traceback}`;
  return `${isoTime(record.timestamp)} ${record.level.toUpperCase()} ${record.logger}${request} ${record.message}${traceback}`;
}
