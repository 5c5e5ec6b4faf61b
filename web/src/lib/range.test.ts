import { expect, it } from "vitest";

import { bounds, parseRange, RANGES, step, writeRange } from "./range";

it.each([...RANGES, "2d", "30m", "90s", "1764000000000-1764003600000"])("reads %s and writes it the same", (text) => {
  const range = parseRange(text);
  expect(range).not.toBeNull();
  expect(range === null ? "" : writeRange(range)).toBe(text);
});

it.each(["", "5", "m", "0m", "5y", "9999999d", "2-1", "1764003600000-1764000000000", "1h; drop"])("refuses %j", (text) => {
  expect(parseRange(text)).toBeNull();
});

it("gives the bounds of a query", () => {
  expect(bounds({ kind: "last", seconds: 60 }, 100_000)).toEqual({ from: 40_000, to: 100_000 });
});

it("steps along the list and stops at its ends", () => {
  expect(step({ kind: "last", seconds: 900 }, 1)).toEqual({ kind: "last", seconds: 3600 });
  expect(step({ kind: "last", seconds: 300 }, -1)).toEqual({ kind: "last", seconds: 300 });
  expect(step({ kind: "between", from: 0, to: 7200_000 }, -1)).toEqual({ kind: "last", seconds: 3600 });
  expect(step({ kind: "last", seconds: 7 * 86_400 }, 1)).toEqual({ kind: "last", seconds: 7 * 86_400 });
});
