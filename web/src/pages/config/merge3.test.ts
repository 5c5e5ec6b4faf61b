import { describe, expect, it } from "vitest";

import { matches, merge3, merged } from "./merge3";

const lines = (text: string) => text.split("").join("\n");

describe("three texts", () => {
  it("finds the most equal lines", () => {
    expect(matches("abcabba".split(""), "cbabac".split(""))).toHaveLength(4);
    expect(matches([], ["a"])).toEqual([]);
    expect(matches(["a", "b"], ["a", "b"])).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it("takes what only one has changed", () => {
    const chunks = merge3(lines("abcdef"), lines("aXcdef"), lines("abcdYf"));
    expect(chunks.map((chunk) => chunk.kind)).toEqual(["same", "mine", "same", "theirs", "same"]);
    expect(merged(chunks, {})).toBe(lines("aXcdYf"));
  });

  it("leaves the choice where both have", () => {
    const chunks = merge3(lines("abc"), lines("aXc"), lines("aYc"));
    expect(chunks.map((chunk) => chunk.kind)).toEqual(["same", "both", "same"]);
    expect(merged(chunks, {})).toBe(lines("aXc"));
    expect(merged(chunks, { 1: "theirs" })).toBe(lines("aYc"));
    expect(merged(chunks, { 1: "mine-theirs" })).toBe(lines("aXYc"));
  });

  it("asks nothing where both have done the same", () => {
    const chunks = merge3(lines("abc"), lines("aZc"), lines("aZc"));
    expect(chunks.every((chunk) => chunk.kind === "same")).toBe(true);
    expect(merged(chunks, {})).toBe(lines("aZc"));
  });

  it("loses no line of anybody's", () => {
    const [base, mine, theirs] = ["k: 1\na: 2\n\nz: 3\n", "k: 1\na: 2\nnew: 5\n\nz: 3\n", "# theirs\nk: 1\n\nz: 4\n"];
    const chunks = merge3(base, mine, theirs);
    expect(chunks.flatMap((chunk) => chunk.mine).join("\n")).toBe(mine);
    expect(chunks.flatMap((chunk) => chunk.theirs).join("\n")).toBe(theirs);
  });
});
