import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

import { WIRE_FORMATS } from "./answer";
import { curl, javascript, LANGUAGES, pathOf, python, pythonValue, sampleBody, snippet } from "./snippets";

const BASE = "http://127.0.0.1:8317";
const NASTY = `it's "quoted" $HOME \`x\` \\n é 🎉`;

describe("curl", () => {
  it("carries the body through a shell as it is", () => {
    const body = sampleBody("chat", "m", NASTY, true);
    const command = curl({ format: "chat", model: "m", stream: true, body }, BASE).replace(/^curl -N/, "printf '%s\\n'");
    const words = execFileSync("sh", ["-c", command], { encoding: "utf8", env: { AIGW_KEY: "k" } });
    expect(words).toContain("authorization: Bearer k");
    expect(JSON.parse(words.slice(words.indexOf("{"))) as unknown).toEqual(body);
  });

  it("goes to the path of the format, with its headers", () => {
    expect(curl({ format: "messages", model: "m", stream: false, body: {} }, BASE)).toContain("anthropic-version");
    expect(pathOf({ format: "gemini", model: "a/b c", stream: true })).toBe("/v1beta/models/a/b%20c:streamGenerateContent?alt=sse");
    expect(pathOf({ format: "gemini", model: "m", stream: false })).toBe("/v1beta/models/m:generateContent");
  });
});

it("writes JSON as Python does", () => {
  expect(pythonValue({ a: [true, false, null, 1.5, "x"], b: {}, c: [] })).toBe('{\n    "a": [\n        True,\n        False,\n        None,\n        1.5,\n        "x",\n    ],\n    "b": {},\n    "c": [],\n}');
});

describe.each(WIRE_FORMATS)("programs for %s", (format) => {
  it.each([true, false])("name the SDK, the gateway and the body (stream: %s)", (stream) => {
    const asked = { format, model: "m-1", stream, body: sampleBody(format, "m-1", "Hello", stream) };
    for (const text of [python(asked, BASE), javascript(asked, BASE)]) {
      expect(text).toContain(BASE);
      expect(text).toContain("AIGW_KEY");
      expect(text).toContain("m-1");
      expect(text).toContain("Hello");
    }
    expect(LANGUAGES.map((language) => snippet(language, asked, BASE)).every((text) => text.length > 0)).toBe(true);
  });
});

it("puts all of a Gemini body where its SDK looks", () => {
  const body = { contents: [], generationConfig: { temperature: 1 }, systemInstruction: { parts: [] } };
  const text = python({ format: "gemini", model: "m", stream: false, body }, BASE);
  expect(text).toMatch(/config=\{\s+"temperature": 1,\s+"systemInstruction"/);
});
