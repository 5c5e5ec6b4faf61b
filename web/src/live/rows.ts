/** A bounded list of numbered rows, oldest first, each number once. */

export type Row<T> = { seq: number; data: T };

export const MOST_ROWS = 5_000;
export const MOST_POINTS = 600;

/**
 * `rows` with `added` in its place. A number that is there already is replaced,
 * so that a row filled in by REST and the same one live are one. At most `most`
 * of the newest stay. Neither list is changed.
 */
export function mergeRows<T>(rows: readonly Row<T>[], added: readonly Row<T>[], most = MOST_ROWS): readonly Row<T>[] {
  if (added.length === 0) return rows;
  const fresh = [...added].sort((a, b) => a.seq - b.seq);
  const first = fresh[0];
  const last = rows.at(-1);
  let merged: Row<T>[];
  if (first !== undefined && (last === undefined || first.seq > last.seq)) {
    merged = [...rows, ...fresh];
  } else {
    const all = new Map(rows.map((row) => [row.seq, row]));
    for (const row of fresh) all.set(row.seq, row);
    merged = [...all.values()].sort((a, b) => a.seq - b.seq);
  }
  // The new ones may hold a number twice.
  merged = merged.filter((row, at) => merged[at + 1]?.seq !== row.seq);
  return merged.length > most ? merged.slice(-most) : merged;
}

/** `points` with one more at the end, at most `most`. */
export function pushPoint<T>(points: readonly T[], point: T, most = MOST_POINTS): readonly T[] {
  return points.length >= most ? [...points.slice(points.length - most + 1), point] : [...points, point];
}
