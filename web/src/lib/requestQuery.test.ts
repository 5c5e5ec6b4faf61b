import { expect, it } from "vitest";

import { parseFilter } from "./filter";
import { requestQuery } from "./requestQuery";

it("writes what the filter grammar reads back", () => {
  const { q: query } = requestQuery({ status: 429, model: "a model: with blanks", credential: "", error: null, key: undefined });
  expect(query).toBe('status:429 model:"a model: with blanks"');
  expect(parseFilter(query ?? "", [{ name: "status" }, { name: "model" }]).terms.map(({ field, value }) => [field, value])).toEqual([
    ["status", "429"],
    ["model", "a model: with blanks"],
  ]);
  expect(requestQuery({ model: "" })).toEqual({});
});
