/**
 * The time range of a page: the last so many seconds, or between two instants.
 * Written in the address as `15m` or `1764000000000-1764003600000` (Unix ms).
 */

export type Range =
  | { kind: "last"; seconds: number }
  | { kind: "between"; from: number; to: number };

export const RANGES = ["5m", "15m", "1h", "6h", "24h", "7d"] as const;
export const DEFAULT_RANGE = "15m";

const UNIT: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const LONGEST = 366 * 86_400;

export function parseRange(source: string | undefined): Range | null {
  if (source === undefined) return null;
  const last = /^(\d{1,6})([smhd])$/.exec(source);
  if (last !== null) {
    const seconds = Number(last[1]) * (UNIT[last[2] ?? ""] ?? 0);
    return seconds > 0 && seconds <= LONGEST ? { kind: "last", seconds } : null;
  }
  const between = /^(\d{10,15})-(\d{10,15})$/.exec(source);
  if (between !== null) {
    const from = Number(between[1]);
    const to = Number(between[2]);
    return from < to ? { kind: "between", from, to } : null;
  }
  return null;
}

export function writeRange(range: Range): string {
  if (range.kind === "between") return `${Math.floor(range.from)}-${Math.ceil(range.to)}`;
  for (const [unit, size] of [["d", 86_400], ["h", 3600], ["m", 60]] as const) {
    // 24h and 60m are what the list has; 48h reads better as 2d.
    if (range.seconds % size === 0 && range.seconds / size >= 1 && !(unit === "d" && range.seconds === size)) {
      return `${range.seconds / size}${unit}`;
    }
  }
  return `${range.seconds}s`;
}

/** From and to in Unix ms, for a query. */
export function bounds(range: Range, now: number): { from: number; to: number } {
  return range.kind === "between" ? { from: range.from, to: range.to } : { from: now - range.seconds * 1000, to: now };
}

/** The next shorter (-1) or longer (+1) range of the list. */
export function step(range: Range, direction: -1 | 1): Range {
  const seconds = range.kind === "last" ? range.seconds : (range.to - range.from) / 1000;
  const sizes = RANGES.map((name) => parseRange(name)).flatMap((each) => (each?.kind === "last" ? [each.seconds] : []));
  const next = direction === 1 ? sizes.find((size) => size > seconds) : sizes.findLast((size) => size < seconds);
  return next === undefined ? range : { kind: "last", seconds: next };
}
