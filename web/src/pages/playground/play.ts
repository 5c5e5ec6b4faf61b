/** One request of the playground: sent, read as it comes, stopped. */
import { fetchAny } from "../../api/client";
import { AnswerReader, type Reading, type WireFormat } from "../../lib/answer";
import { type Json, object } from "./form";

export type Sent = { format: WireFormat; model: string; stream: boolean; credential: string; body: Json };

export type PlayState = "sending" | "running" | "done" | "stopped" | "failed" | "brokeOff";

export type Play = {
  id: string;
  sent: Sent;
  state: PlayState;
  status: number | null;
  headers: Record<string, string>;
  /** What came over the wire, with its time. */
  pieces: { t_ms: number; data: string }[];
  bytes: number;
  reading: Reading;
  /** Milliseconds since it was sent, as the next two. */
  firstByte: number | null;
  firstContent: number | null;
  total: number | null;
  error: string | null;
};

const HEADERS = ["x-request-id", "x-aigw-origin", "x-aigw-provider", "x-aigw-model", "x-aigw-attempts", "x-aigw-warnings", "x-aigw-route", "retry-after"];

/** An id of our own: it is known before the first byte of the answer. */
export function newId(): string {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return `pg-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function pathFor({ format, model, stream, credential }: Sent): string {
  const query = new URLSearchParams();
  if (format === "gemini") {
    query.set("model", model);
    query.set("stream", String(stream));
  }
  if (credential !== "") query.set("credential", credential);
  const text = query.toString();
  return `/api/dashboard/playground/${format}${text === "" ? "" : `?${text}`}`;
}

/** Sends it; `tell` gets each new state of it. Never throws. */
export async function play(id: string, sent: Sent, signal: AbortSignal, tell: (play: Play) => void, now: () => number = () => performance.now()): Promise<Play> {
  const begin = now();
  const reader = new AnswerReader(sent.format);
  let state: Play = { id, sent, state: "sending", status: null, headers: {}, pieces: [], bytes: 0, reading: reader.reading, firstByte: null, firstContent: null, total: null, error: null };
  const set = (change: Partial<Play>) => {
    state = { ...state, ...change };
    tell(state);
  };
  set({});
  try {
    const response = await fetchAny(pathFor(sent), {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": id, ...(sent.format === "messages" && { "anthropic-version": "2023-06-01" }) },
      body: JSON.stringify(sent.body),
      signal,
    });
    const headers = Object.fromEntries(HEADERS.flatMap((name) => (response.headers.get(name) === null ? [] : [[name, response.headers.get(name) ?? ""]])));
    set({ state: "running", status: response.status, headers });
    const streamed = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
    const text = await read(response, (piece, size) => {
      const at = now() - begin;
      if (streamed) reader.feed(piece);
      const reading = reader.reading;
      const content = reading.text !== "" || reading.reasoning !== "" || reading.calls.length > 0;
      set({ pieces: [...state.pieces, { t_ms: at, data: piece }], bytes: state.bytes + size, reading, firstByte: state.firstByte ?? at, firstContent: state.firstContent ?? (content ? at : null) });
    });
    if (!streamed) reader.whole(text);
    const reading = reader.reading;
    const refused = !response.ok && reading.error === null ? { ...reading, error: problem(text) } : reading;
    set({ state: "done", total: now() - begin, reading: refused, firstContent: state.firstContent ?? (refused.text !== "" ? state.firstByte : null) });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const how: PlayState = signal.aborted ? "stopped" : state.status === null ? "failed" : "brokeOff";
    set({ state: how, total: now() - begin, error: how === "stopped" ? null : message });
  }
  return state;
}

/** What an answer that is not the format's own says of itself. */
function problem(text: string): string {
  try {
    const body = object(JSON.parse(text));
    if (typeof body?.message === "string") return body.message;
  } catch {
    // Somebody on the way wrote it.
  }
  return text.slice(0, 500);
}

async function read(response: Response, take: (piece: string, bytes: number) => void): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  const source = response.body.getReader();
  let whole = "";
  for (;;) {
    const { done, value } = await source.read();
    const piece = decoder.decode(value, { stream: !done });
    whole += piece;
    if (piece !== "" || value !== undefined) take(piece, value?.length ?? 0);
    if (done) return whole;
  }
}
