import { describe, expect, it } from "vitest";

import { mergeRows, MOST_ROWS, pushPoint } from "./rows";
import { Sequence } from "./sequence";

describe("a sequence", () => {
  it("takes each row once, whatever comes twice", () => {
    const sequence = new Sequence();
    sequence.hello(10);
    expect([11, 12, 11, 12, 10].map((seq) => sequence.take(seq))).toEqual([true, true, false, false, false]);
    expect(sequence.missing).toEqual([]);
  });

  it("takes what is skipped for missing, and back when it comes late", () => {
    const sequence = new Sequence();
    sequence.hello(10);
    sequence.take(15);
    expect(sequence.missing).toEqual([{ from: 11, to: 14 }]);
    expect(sequence.take(12)).toBe(true);
    expect(sequence.missing).toEqual([{ from: 11, to: 11 }, { from: 13, to: 14 }]);
    expect(sequence.take(12)).toBe(false);
    sequence.settle(11, 14);
    expect(sequence.missing).toEqual([]);
    expect(sequence.take(13)).toBe(false);
  });

  it("believes a gap frame only where it has not got the rows", () => {
    const sequence = new Sequence();
    sequence.hello(10);
    sequence.take(11);
    expect(sequence.gap(10, 11)).toBe(false);
    expect(sequence.gap(10, 14)).toBe(true);
    expect(sequence.missing).toEqual([{ from: 12, to: 14 }]);
    expect(sequence.newest).toBe(14);
    expect(sequence.gap(9, 3)).toBe(false);
  });

  it("starts where the page that was loaded ends", () => {
    const sequence = new Sequence();
    sequence.hello(10);
    sequence.take(20);
    sequence.startFrom(50);
    expect(sequence.missing).toEqual([]);
    expect(sequence.take(50)).toBe(false);
    expect(sequence.take(51)).toBe(true);
  });

  it("keeps its place when the gateway comes back with more", () => {
    const sequence = new Sequence();
    sequence.hello(10);
    sequence.take(11);
    expect(sequence.hello(20)).toBe(false);
    expect(sequence.newest).toBe(11);
  });

  it("begins anew when the store has", () => {
    const sequence = new Sequence();
    sequence.hello(100);
    expect(sequence.hello(3)).toBe(true);
    expect(sequence.missing).toEqual([{ from: 1, to: 3 }]);
    expect(sequence.take(4)).toBe(true);
  });

  it("holds a bounded number of holes", () => {
    const sequence = new Sequence();
    sequence.hello(0);
    for (let seq = 2; seq < 4000; seq += 2) sequence.take(seq);
    expect(sequence.missing.length).toBeLessThanOrEqual(256);
  });

  // Every order of what a connection can bring: rows, doubles, gaps, filling in. Each
  // row of 1..N must be taken exactly once, or stand in `missing`.
  it.each(Array.from({ length: 200 }, (_, seed) => seed + 1))("loses and doubles nothing (case %i)", (seed) => {
    let state = seed * 2654435761;
    const dice = (sides: number) => {
      state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
      return (state >>> 0) % sides;
    };
    const sequence = new Sequence();
    sequence.hello(0);
    const taken: number[] = [];
    let sent = 0;
    const last = 60;
    while (sent < last) {
      const move = dice(6);
      if (move === 0) {
        const to = Math.min(last, sent + 1 + dice(5));
        sequence.gap(Math.max(1, sent - dice(3)), to);
        sent = to;
      } else if (move === 1) {
        const again = 1 + dice(sent + 1);
        if (again <= sent && sequence.take(again)) taken.push(again);
      } else if (move === 2 && sequence.missing.length > 0) {
        const span = { ...(sequence.missing.at(-1) ?? { from: 1, to: 0 }) };
        for (let seq = span.from; seq <= span.to; seq += 1) if (sequence.take(seq)) taken.push(seq);
        sequence.settle(span.from, span.to);
      } else {
        sent += 1;
        if (sequence.take(sent)) taken.push(sent);
      }
    }
    const missing = sequence.missing.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
    expect([...taken, ...missing].sort((a, b) => a - b)).toEqual(Array.from({ length: last }, (_, at) => at + 1));
  });
});

describe("buffers", () => {
  const row = (seq: number, data: unknown = seq) => ({ seq, data });

  it("keep order, replace doubles, and never exceed their bound", () => {
    let rows = mergeRows([row(1), row(5)], [row(3), row(5, "new"), row(2), row(3, "twice")]);
    expect(rows.map((each) => each.seq)).toEqual([1, 2, 3, 5]);
    expect(rows.at(-1)?.data).toBe("new");
    for (let at = 0; at < 60; at += 1) rows = mergeRows(rows, Array.from({ length: 100 }, (_, nth) => row(10 + at * 100 + nth)));
    expect(rows).toHaveLength(MOST_ROWS);
    expect(rows.at(-1)?.seq).toBe(6009);
  });

  it("leave what they were given alone, and give the same when nothing came", () => {
    const before = Object.freeze([row(1)]);
    expect(mergeRows(before, [])).toBe(before);
    expect(mergeRows(before, [row(2)])).toHaveLength(2);
    expect(before).toHaveLength(1);
  });

  it("hold so many points", () => {
    let points: readonly number[] = [];
    for (let at = 0; at < 1000; at += 1) points = pushPoint(points, at, 600);
    expect(points).toHaveLength(600);
    expect(points.at(-1)).toBe(999);
    expect(points[0]).toBe(400);
  });
});
