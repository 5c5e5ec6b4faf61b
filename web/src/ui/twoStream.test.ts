import { describe, expect, it } from "vitest";

import { chunks, clientRows, cutAt, isFailure, isKeepalive, marked, matches, pretty, raw, room, sideText, type StreamRow, testCase } from "./twoStream";

function row(change: Partial<StreamRow>): StreamRow {
  return { number: 0, t_ms: 0, attempt: 1, cause: "upstream", upstream: "", upstream_cuts: [], events: [], client: "", client_t_ms: null, client_cuts: [], ...change };
}

const EVENT = { type: "text_delta", summary: 'text += "Hel"', choice: 0, part: 0, text: "Hel" };

describe("rows", () => {
  it("are keepalives when they mean nothing and were meant to", () => {
    expect(isKeepalive(row({ cause: "keepalive", client: ": keep\n\n" }))).toBe(true);
    expect(isKeepalive(row({ upstream: 'event: ping\ndata: {"type": "ping"}\n\n' }))).toBe(true);
    expect(isKeepalive(row({ upstream: 'data: {"type":"unknown"}\n\n' }))).toBe(false);
    expect(isKeepalive(row({ upstream: ": comment\n\n", events: [EVENT] }))).toBe(false);
  });

  it("are failures when one of their events is", () => {
    expect(isFailure(row({ events: [{ ...EVENT, type: "failure" }] }))).toBe(true);
    expect(isFailure(row({ events: [EVENT] }))).toBe(false);
  });

  it("are found by either side and by their meaning, whatever the case", () => {
    const rows = [row({ upstream: "Alpha" }), row({ client: "beta" }), row({ events: [EVENT] })];
    expect(matches(rows, "ALPHA")).toEqual([0]);
    expect(matches(rows, "et")).toEqual([1]);
    expect(matches(rows, "text +=")).toEqual([2]);
    expect(matches(rows, "")).toEqual([]);
  });
});

describe("a side", () => {
  const rows = [
    row({ number: 0, t_ms: 5, upstream: "data: one\n\n", client: "A", client_t_ms: 6 }),
    row({ number: 1, t_ms: 5, upstream: "data: two\n\n", upstream_cuts: [4], client: "B", client_t_ms: 8 }),
    row({ number: 2, t_ms: 9, upstream: "end" }),
  ];

  it("is all its bytes in order", () => {
    expect(sideText(rows, "upstream")).toBe("data: one\n\ndata: two\n\nend");
  });

  it("comes in the pieces that were read", () => {
    // The first read brought the first event and the beginning of the second.
    expect(chunks(rows, "upstream").map((each) => each.data)).toEqual(["data: one\n\ndata", ": two\n\n", "end"]);
    expect(chunks(rows, "client").map((each) => each.data)).toEqual(["A", "B"]);
    expect(chunks(rows, "upstream").map((each) => each.data).join("")).toBe(sideText(rows, "upstream"));
  });

  it("makes a test case with what is expected", () => {
    const made = JSON.parse(testCase("id-1", { total: 3, offset: 0, fidelity: "bytes", upstream_format: "messages", client_format: "chat", stream: true, cut: false, rows })) as Record<string, unknown>;
    expect(made).toMatchObject({ request_id: "id-1", complete: true, input: { format: "messages" }, expected: { format: "chat", body: "AB" } });
  });
});

describe("bytes", () => {
  it("are laid out where they are JSON, and stay where they are not", () => {
    expect(pretty('event: x\ndata: {"a":1}\n\n')).toBe('event: x\ndata: {\n  "a": 1\n}');
    expect(pretty("data: [DONE]\n\n")).toBe("data: [DONE]");
    expect(pretty('{"a":[]}')).toBe('{\n  "a": []\n}');
    expect(raw("data: x\r\n\r\n")).toBe("data: x");
  });

  it("are cut where pieces ended", () => {
    expect(cutAt("abcdef", [2, 4])).toEqual(["ab", "cd", "ef"]);
    expect(cutAt("abc", [0, 3])).toEqual(["abc"]);
  });

  it("have what was searched marked, and lose nothing", () => {
    const pieces = marked("one Two two", "two");
    expect(pieces.filter((piece) => piece.hit).map((piece) => piece.text)).toEqual(["Two", "two"]);
    expect(pieces.map((piece) => piece.text).join("")).toBe("one Two two");
  });
});

it("draws time to scale up to a screen", () => {
  expect(room(100)).toBe(25);
  expect(room(60_000)).toBe(480);
  expect(room(-1)).toBe(0);
});

it("makes rows of the client's bytes however they were cut", () => {
  const whole = clientRows([{ t_ms: 1, data: "data: a\n\ndata: b\n\ndata" }]);
  const pieces = clientRows("data: a\n\ndata: b\n\ndata".split("").map((data, at) => ({ t_ms: at, data })));
  expect(whole.map((each) => each.client)).toEqual(["data: a\n\n", "data: b\n\n", "data"]);
  expect(pieces.map((each) => each.client)).toEqual(whole.map((each) => each.client));
});
