/** Two changes of one text, brought together line by line. */

export type Chunk = {
  /** `same`: nobody has changed it; `both`: each has, in another way. */
  kind: "same" | "mine" | "theirs" | "both";
  base: readonly string[];
  mine: readonly string[];
  theirs: readonly string[];
};

export type Pick = "mine" | "theirs" | "mine-theirs";

/** Pairs of equal lines, in order: as many as there can be (Myers). */
export function matches(one: readonly string[], other: readonly string[]): [number, number][] {
  const [n, m] = [one.length, other.length];
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= n + m; d += 1) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < n && x - k < m && one[x] === other[x - k]) x += 1;
      reach.set(k, x);
      if (x >= n && x - k >= m) return walkBack(trace, n, m);
    }
  }
  return [];
}

function walkBack(trace: readonly Map<number, number>[], n: number, m: number): [number, number][] {
  const pairs: [number, number][] = [];
  let [x, y] = [n, m];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const reach = trace[d] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const before = down ? k + 1 : k - 1;
    const startX = reach.get(before) ?? 0;
    const startY = startX - before;
    while (x > startX && y > startY && x > 0 && y > 0) {
      x -= 1;
      y -= 1;
      pairs.push([x, y]);
    }
    [x, y] = [startX, startY];
  }
  return pairs.reverse();
}

const same = (one: readonly string[], other: readonly string[]) => one.length === other.length && one.every((line, at) => line === other[at]);

export function merge3(base: string, mine: string, theirs: string): Chunk[] {
  const [b, m, t] = [base, mine, theirs].map((text) => text.split("\n")) as [string[], string[], string[]];
  const toMine = new Map(matches(b, m));
  const toTheirs = new Map(matches(b, t));
  const chunks: Chunk[] = [];
  const push = (chunk: Chunk) => {
    const last = chunks.at(-1);
    if (last?.kind === "same" && chunk.kind === "same") {
      chunks[chunks.length - 1] = { kind: "same", base: [...last.base, ...chunk.base], mine: [...last.mine, ...chunk.mine], theirs: [...last.theirs, ...chunk.theirs] };
    } else if (chunk.base.length + chunk.mine.length + chunk.theirs.length > 0) chunks.push(chunk);
  };
  let [atBase, atMine, atTheirs] = [0, 0, 0];
  const gap = (endBase: number, endMine: number, endTheirs: number) => {
    const parts = { base: b.slice(atBase, endBase), mine: m.slice(atMine, endMine), theirs: t.slice(atTheirs, endTheirs) };
    const kind = same(parts.mine, parts.theirs) ? "same" : same(parts.base, parts.mine) ? "theirs" : same(parts.base, parts.theirs) ? "mine" : "both";
    // What both have done alike is done: it is no choice any more.
    push(kind === "same" ? { kind, base: parts.mine, mine: parts.mine, theirs: parts.theirs } : { kind, ...parts });
  };
  for (let at = 0; at < b.length; at += 1) {
    const [inMine, inTheirs] = [toMine.get(at), toTheirs.get(at)];
    if (inMine === undefined || inTheirs === undefined) continue;
    gap(at, inMine, inTheirs);
    const line = [b[at] ?? ""];
    push({ kind: "same", base: line, mine: line, theirs: line });
    [atBase, atMine, atTheirs] = [at + 1, inMine + 1, inTheirs + 1];
  }
  gap(b.length, m.length, t.length);
  return chunks;
}

/** The text that comes of it. `picks` has a choice for each chunk where both have changed something. */
export function merged(chunks: readonly Chunk[], picks: Readonly<Record<number, Pick>>): string {
  return chunks
    .flatMap((chunk, at) => {
      if (chunk.kind === "same" || chunk.kind === "mine") return chunk.mine;
      if (chunk.kind === "theirs") return chunk.theirs;
      const pick = picks[at] ?? "mine";
      return pick === "mine" ? chunk.mine : pick === "theirs" ? chunk.theirs : [...chunk.mine, ...chunk.theirs];
    })
    .join("\n");
}
