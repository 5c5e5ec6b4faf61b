import { describe, expect, it } from "vitest";

import { type Field, type Filter, matchesGlob, parseFilter, single, type Term, withoutTerm, withTerm, writeFilter } from "./filter";

const FIELDS: Field[] = [{ name: "status", values: ["2xx", "429"] }, { name: "model" }, { name: "provider" }, { name: "ttft", ordered: true }, { name: "error" }];

const term = (field: string, value: string, more: Partial<Term> = {}): Term => ({ field, value, not: false, compare: "=", ...more });

const read = (source: string) => parseFilter(source, FIELDS);

describe("reading", () => {
  it("reads terms, exclusions, comparisons and text", () => {
    expect(read('status:429 -provider:x ttft:>=500 model:gpt-* "rate limit" boom')).toEqual({
      terms: [term("status", "429"), term("provider", "x", { not: true }), term("ttft", "500", { compare: ">=" }), term("model", "gpt-*")],
      text: "rate limit boom",
    });
  });

  it("takes a field it does not know for text, as in an id or an address", () => {
    expect(read("https://x.example/a req:1")).toEqual({ terms: [], text: "https://x.example/a req:1" });
  });

  it("compares only where there is an order", () => {
    expect(read("model:>5")).toEqual({ terms: [term("model", ">5")], text: "" });
  });

  it("reads quoted values with quotes and blanks in them", () => {
    expect(read('error:"said \\"no\\" \\\\ twice"').terms).toEqual([term("error", 'said "no" \\ twice')]);
  });

  it("keeps a half-typed term as text, and an open quote to the end", () => {
    expect(read("status:")).toEqual({ terms: [], text: "status:" });
    expect(read('error:"open end').terms).toEqual([term("error", "open end")]);
  });

  it("has the same term once", () => {
    expect(read("status:429 status:429").terms).toHaveLength(1);
  });
});

describe("writing and reading again", () => {
  // Every value that could be misread, in every form.
  const values = ["429", "gpt-*", "two words", '"', 'a"b', "\\", ">5", "<", "=", "a:b", "-x", "status:200", "ä ö", '"quoted"', "tab\there", "end\\"];
  it.each(values)("keeps %j as a value", (value) => {
    for (const field of ["model", "ttft"]) {
      for (const not of [false, true]) {
        const filter: Filter = { terms: [term(field, value, { not })], text: "" };
        expect(read(writeFilter(filter))).toEqual(filter);
      }
    }
    const compared: Filter = { terms: [term("ttft", value, { compare: ">=" })], text: "" };
    expect(read(writeFilter(compared))).toEqual(compared);
  });

  it.each(["boom", "two words", "status:429 as text", "-model:x", '"'])("keeps %j as text", (text) => {
    const filter: Filter = { terms: [term("model", "m")], text };
    expect(read(writeFilter(filter))).toEqual(filter);
  });

  it("survives the address", () => {
    const written = writeFilter({ terms: [term("model", "gpt-4 & more?#%")], text: "ä" });
    const address = new URLSearchParams({ q: written }).toString();
    expect(new URLSearchParams(address).get("q")).toBe(written);
  });
});

describe("changing", () => {
  it("adds once and removes exactly", () => {
    const one = withTerm({ terms: [], text: "" }, term("status", "429"));
    expect(withTerm(one, term("status", "429"))).toBe(one);
    expect(withoutTerm(one, term("status", "429", { not: true })).terms).toHaveLength(1);
    expect(withoutTerm(one, term("status", "429")).terms).toHaveLength(0);
  });

  it("gives the value of a field only when there is one", () => {
    expect(single(read("model:a"), "model")).toBe("a");
    expect(single(read("model:a model:b"), "model")).toBeUndefined();
    expect(single(read("-model:a"), "model")).toBeUndefined();
  });
});

describe("globs", () => {
  it.each([
    ["gpt-*", "gpt-4o", true],
    ["GPT-*", "gpt-4o", true],
    ["*sonnet*", "claude-sonnet-4", true],
    ["a*b*c", "axxbxxc", true],
    ["a*b*c", "axxcxxb", false],
    ["aa*aa", "aaa", false],
    ["*", "", true],
    ["exact", "exactly", false],
    ["a*ab*b", "aab", false],
  ])("%s against %s: %s", (pattern, text, matches) => {
    expect(matchesGlob(pattern, text)).toBe(matches);
  });
});
