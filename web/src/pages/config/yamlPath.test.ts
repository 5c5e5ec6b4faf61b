import { describe, expect, it } from "vitest";

import { entriesOf, entryAt, lineOf, spotAt, written } from "./yamlPath";

const TEXT = `# comment: not a key
host: 127.0.0.1
api-keys:
- \${KEY}
- name: ci
  key: x # "a: b"
openai-api-key:
  - api-key: "a: #b"
    models:
      - id: gpt-5
        alias: gpt
    headers: {x-a: b, "x-c": d}
note: |
  not: a key
payload:
  default:
    - models: [{name: "g*", protocol: gemini}]
`;

describe("places in a file", () => {
  it("finds the path of each line", () => {
    const paths = entriesOf(TEXT).map((entry) => `${entry.line} ${written(entry.path)}`);
    expect(paths).toEqual([
      "2 host",
      "3 api-keys",
      "4 api-keys[0]",
      "5 api-keys[1]",
      "5 api-keys[1].name",
      "6 api-keys[1].key",
      "7 openai-api-key",
      "8 openai-api-key[0]",
      "8 openai-api-key[0].api-key",
      "9 openai-api-key[0].models",
      "10 openai-api-key[0].models[0]",
      "10 openai-api-key[0].models[0].id",
      "11 openai-api-key[0].models[0].alias",
      "12 openai-api-key[0].headers",
      "13 note",
      "15 payload",
      "16 payload.default",
      "17 payload.default[0]",
      "17 payload.default[0].models",
    ]);
  });

  it("skips what stands in brackets over several lines", () => {
    const paths = entriesOf("a: [\n  b: 1,\n  {c: 2},\n]\nd: 3").map((entry) => written(entry.path));
    expect(paths).toEqual(["a", "d"]);
  });

  it("knows the line of a place, or of what is around it", () => {
    const entries = entriesOf(TEXT);
    expect(lineOf(entries, "openai-api-key[0].models[0].alias")).toBe(11);
    expect(lineOf(entries, "payload.default[0].models[0].protocol")).toBe(17);
    expect(lineOf(entries, "api-keys[1]")).toBe(5);
    expect(lineOf(entries, "nothing")).toBeUndefined();
    expect(written(entryAt(entries, 14)?.path ?? [])).toBe("note");
  });
});

describe("what is being written", () => {
  const at = (text: string) => {
    const position = text.indexOf("¦");
    const spot = spotAt(text.replace("¦", ""), position);
    return spot === null ? null : `${spot.kind} ${written(spot.path)} "${spot.word}"`;
  };

  it.each([
    ["ho¦", 'key  "ho"'],
    ["host: ¦", 'value host ""'],
    ["host: 12¦", 'value host "12"'],
    ["retry:\n  max¦\nport: 1", 'key retry "max"'],
    ["retry:\n  max-retries: 1\n  ¦", 'key retry ""'],
    ["retry:\n  max-retries: 1\n¦", 'key  ""'],
    ["api-keys:\n  - na¦", 'key api-keys[0] "na"'],
    ["api-keys:\n  - name: a\n    ¦", 'key api-keys[0] ""'],
    ["api-keys:\n- name: a\n- ¦", 'key api-keys[1] ""'],
    ["fallbacks:\n  - {model: a, t¦", 'key fallbacks[0] "t"'],
    ["openai-api-key:\n  - models: [{id: a}, {¦", 'key openai-api-key[0].models[1] ""'],
    ["payload:\n  default:\n    - models: [{name: x, protocol: ¦", 'value payload.default[0].models[0].protocol ""'],
    ["host: a # ¦", null],
  ])("%j", (text, expected) => {
    expect(at(text)).toBe(expected);
  });

  it("says which keys are there already", () => {
    expect(spotAt("retry:\n  max-retries: 1\n  \n  max-backoff-secs: 2", 26)?.taken).toEqual(["max-retries", "max-backoff-secs"]);
    expect(spotAt("fallbacks:\n  - {model: a, ", 26)?.taken).toEqual(["model"]);
  });
});
