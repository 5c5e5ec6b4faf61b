import { describe, expect, it } from "vitest";

import { entry } from "../../test/requests";
import { listRows, mayMatch, readRunning, type RunningRequest } from "./rows";

const running = (id: string, change: Partial<RunningRequest> = {}): RunningRequest => ({ request_id: id, started: 0, format: "chat", model: "m", stream: true, attempts: 1, credential: null, served_model: null, first_content_ms: null, pieces: 0, bytes_out: 0, ...change });
const live = (seq: number) => ({ seq, data: entry(seq) });
const NOTHING = { running: [], live: [], missing: [], pages: [], ended: false, seen: new Set<string>() };
const shape = (parts: Partial<Parameters<typeof listRows>[0]>) => listRows({ ...NOTHING, ...parts }).map((row) => row.key);

describe("the list", () => {
  it("has what runs on top, then live rows and older ones, the newest first", () => {
    expect(shape({ running: [running("a")], live: [live(4), live(5)], pages: [entry(3), entry(2)], ended: true })).toEqual(["r:a", "s:5", "s:4", "s:3", "s:2", "end"]);
  });

  it("shows holes where they are, also under and above all live rows", () => {
    expect(shape({ live: [live(4), live(9)], missing: [{ from: 5, to: 8 }], pages: [entry(3)] })).toEqual(["s:9", "g:5", "s:4", "s:3"]);
    expect(shape({ live: [], missing: [{ from: 4, to: 8 }], pages: [entry(3)] })).toEqual(["g:4", "s:3"]);
    expect(shape({ live: [live(4)], missing: [{ from: 5, to: 8 }] })).toEqual(["g:5", "s:4"]);
  });

  it("has no request twice: one that has ended is its row, under the same key", () => {
    const seen = new Set(["req-5"]);
    expect(shape({ running: [running("req-5")], seen })).toEqual(["r:req-5"]);
    expect(shape({ running: [running("req-5")], live: [live(5)], seen })).toEqual(["r:req-5"]);
  });

  it("keeps two requests of one id apart", () => {
    const twice = [entry(5, { request_id: "same" }), entry(4, { request_id: "same" })];
    expect(shape({ pages: twice, seen: new Set(["same"]) })).toEqual(["r:same", "s:4"]);
  });
});

it("reads what runs without trust", () => {
  expect(readRunning({ requests: [running("a"), { nonsense: 1 }, null] }).map((each) => each.request_id)).toEqual(["a"]);
  expect(readRunning("?")).toEqual([]);
  expect(readRunning({ requests: 3 })).toEqual([]);
});

it("does not show what runs where nothing is known of what was asked for", () => {
  expect(mayMatch(running("a", { model: "gpt-4" }), { model: "gpt-*" })).toBe(true);
  expect(mayMatch(running("a"), { status: "200" })).toBe(false);
  expect(mayMatch(running("a"), { stream: false })).toBe(false);
});
