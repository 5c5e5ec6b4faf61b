/** What the two-stream view knows of its rows, without drawing them. */
import type { components } from "../api/schema";

export type StreamRow = components["schemas"]["StreamRow"];
export type Streams = components["schemas"]["Streams"];

export type Side = "upstream" | "client";

const PING = /^:|^event: ?ping\b|"type": ?"ping"/m;

/** Whether a row only kept a connection open. */
export function isKeepalive(row: StreamRow): boolean {
  if (row.cause === "keepalive") return true;
  return row.cause === "upstream" && row.events.length === 0 && row.client === "" && PING.test(row.upstream);
}

export function isFailure(row: StreamRow): boolean {
  return row.events.some((event) => event.type === "failure");
}

/** All of one side, byte for byte as far as it is text. */
export function sideText(rows: readonly StreamRow[], side: Side): string {
  return rows.map((row) => row[side]).join("");
}

/** The text in the pieces that were read or written. A border between rows is one where a new piece began. */
export function chunks(rows: readonly StreamRow[], side: Side): { t_ms: number; data: string }[] {
  const found: { t_ms: number; data: string }[] = [];
  for (const row of rows) {
    const text = row[side];
    if (text === "") continue;
    const at = side === "client" ? (row.client_t_ms ?? row.t_ms) : row.t_ms;
    const cuts = side === "client" ? row.client_cuts : row.upstream_cuts;
    const edges = [0, ...cuts, text.length];
    for (let nth = 0; nth + 1 < edges.length; nth += 1) {
      const data = text.slice(edges[nth], edges[nth + 1]);
      const last = found.at(-1);
      // Rows of one moment came with one read.
      if (nth === 0 && last?.t_ms === at) last.data += data;
      else found.push({ t_ms: at, data });
    }
  }
  return found;
}

/** Input and expected output in a file that a test can read. */
export function testCase(id: string, streams: Streams): string {
  const { rows, upstream_format, client_format, stream, cut } = streams;
  return JSON.stringify(
    {
      request_id: id,
      stream,
      complete: !cut,
      input: { format: upstream_format, chunks: chunks(rows, "upstream") },
      expected: { format: client_format, body: sideText(rows, "client"), chunks: chunks(rows, "client") },
    },
    null,
    2,
  );
}

/** Server-sent events with their JSON laid out; a document too; anything else stays. */
export function pretty(text: string): string {
  const whole = laidOut(text.trim());
  if (whole !== null) return whole;
  return text
    .replace(/[\r\n]+$/, "")
    .split(/\r\n|\n|\r/)
    .map((line) => {
      const match = /^(data: ?)(.*)$/s.exec(line);
      const json = match === null ? null : laidOut(match[2] ?? "");
      return json === null ? line : `data: ${json}`;
    })
    .join("\n");
}

function laidOut(text: string): string | null {
  if (!/^[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** The bytes as they came, but for the blank line that ends every event. */
export function raw(text: string): string {
  return text.replace(/(?:\r\n|\n|\r)+$/, "");
}

/** Which rows have `text` on one of their sides or in their meaning. */
export function matches(rows: readonly StreamRow[], text: string): number[] {
  const wanted = text.toLowerCase();
  if (wanted === "") return [];
  return rows.flatMap((row, at) => ([row.upstream, row.client, ...row.events.map((event) => event.summary)].some((each) => each.toLowerCase().includes(wanted)) ? [at] : []));
}

/** Pieces of `text`, those that match `wanted` marked. */
export function marked(text: string, wanted: string): { text: string; hit: boolean }[] {
  if (wanted === "") return [{ text, hit: false }];
  const pieces: { text: string; hit: boolean }[] = [];
  const lower = text.toLowerCase();
  const search = wanted.toLowerCase();
  // Some letters change their length with their case: then nothing can be marked.
  if (lower.length !== text.length) return [{ text, hit: false }];
  let from = 0;
  for (let at = lower.indexOf(search); at !== -1; at = lower.indexOf(search, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), hit: false });
    pieces.push({ text: text.slice(at, at + search.length), hit: true });
    from = at + search.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), hit: false });
  return pieces;
}

/** Text cut at these places. */
export function cutAt(text: string, cuts: readonly number[]): string[] {
  const edges = [0, ...cuts.filter((cut) => cut > 0 && cut < text.length), text.length];
  return edges.slice(1).map((edge, at) => text.slice(edges[at], edge));
}

/** Pixels of empty room before a row when time is drawn to scale; nothing is wider than a screen. */
export function room(gapMs: number): number {
  return Math.min(480, Math.max(0, Math.round(gapMs * 0.25)));
}

export const LONG_GAP = 250; // ms; said in words between rows when it is not drawn

/** Rows made of the client's bytes alone, while the answer is still coming. */
export function clientRows(pieces: readonly { t_ms: number; data: string }[]): StreamRow[] {
  const rows: StreamRow[] = [];
  let rest = "";
  const push = (client: string, t_ms: number) =>
    rows.push({ number: rows.length, t_ms, attempt: 1, cause: "upstream", upstream: "", upstream_cuts: [], events: [], client, client_t_ms: t_ms, client_cuts: [] });
  let last = 0;
  for (const piece of pieces) {
    rest += piece.data;
    last = piece.t_ms;
    for (let end = /(\r\n|\n|\r(?!\n)){2}/.exec(rest); end !== null; end = /(\r\n|\n|\r(?!\n)){2}/.exec(rest)) {
      const cut = end.index + end[0].length;
      push(rest.slice(0, cut), piece.t_ms);
      rest = rest.slice(cut);
    }
  }
  if (rest !== "") push(rest, last);
  return rows;
}
