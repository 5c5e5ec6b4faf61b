/** The last requests that were sent from this browser. */
import { isWireFormat, type WireFormat } from "../../lib/answer";
import { load, save } from "../../lib/storage";
import { type Json, object } from "./form";

export type Past = { at: number; id: string; format: WireFormat; model: string; stream: boolean; body: Json; status: number | null; ms: number | null; stopped: boolean };

const KEY = "playground.history";
export const MOST = 50;
/** Characters of all together: browsers give a page some five million. */
const MOST_TEXT = 1_000_000;

function isPast(value: unknown): value is Past {
  const each = object(value);
  return each !== null && typeof each.at === "number" && typeof each.id === "string" && isWireFormat(each.format) && typeof each.model === "string" && object(each.body) !== null;
}

export function loadHistory(): Past[] {
  const kept = load(KEY);
  return Array.isArray(kept) ? kept.filter(isPast) : [];
}

/** The newest first; as many as fit. */
export function withPast(history: readonly Past[], past: Past): Past[] {
  let size = 0;
  return [past, ...history.filter((each) => each.id !== past.id)].slice(0, MOST).filter((each) => {
    size += JSON.stringify(each).length;
    return size <= MOST_TEXT;
  });
}

export function saveHistory(history: readonly Past[]): void {
  save(KEY, history);
}
