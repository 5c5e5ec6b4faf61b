import { describe, expect, it } from "vitest";

import { defaultText, referenceOf, SchemaBook, typeText } from "./schema";

const BOOK = new SchemaBook({
  $ref: "#/$defs/Config",
  $defs: {
    Config: {
      type: "object",
      properties: {
        port: { description: "Listen port.", type: "integer", minimum: 0, maximum: 65535, default: 8317 },
        keys: { type: "array", items: { $ref: "#/$defs/Key" }, default: [] },
        open: { anyOf: [{ type: "boolean" }, { enum: ["auto"] }], default: "auto" },
        prices: { type: "object", additionalProperties: { $ref: "#/$defs/Price" } },
        "old-port": { type: "integer", deprecated: true },
      },
    },
    Key: { anyOf: [{ type: "string" }, { type: "object", required: ["key"], properties: { key: { anyOf: [{ type: "string", writeOnly: true }, { type: "null" }] } } }] },
    Price: { type: "object", properties: { input: { type: "number", minimum: 0 } } },
  },
});

describe("the schema", () => {
  it("knows what may stand at a place", () => {
    expect(BOOK.at(["port"])).toMatchObject({ description: "Listen port.", types: ["integer"], fallback: 8317 });
    expect(typeText(BOOK.at(["port"])!, "to")).toBe("integer, 0 to 65535");
    expect(BOOK.at(["keys", 3])).toMatchObject({ types: ["string", "object"], keys: ["key"], required: ["key"] });
    expect(BOOK.at(["keys", 0, "key"])).toMatchObject({ secret: true, types: ["string", "null"] });
    expect(BOOK.at(["open"])?.words).toEqual(["auto", true, false]);
    expect(BOOK.at(["prices", "any", "input"])?.minimum).toBe(0);
    expect(BOOK.at(["nothing", "here"])).toBeNull();
  });

  it("is written out key by key", () => {
    expect(referenceOf(BOOK).map((row) => `${row.depth} ${row.path}`)).toEqual(["0 port", "0 keys", "1 keys[].key", "0 open", "0 prices", "1 prices.*.input", "0 old-port"]);
    expect(defaultText("")).toBe('""');
    expect(defaultText(undefined)).toBeUndefined();
    expect(defaultText({ a: "x".repeat(70) })).toBeUndefined();
  });
});
