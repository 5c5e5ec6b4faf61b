import { expect, it } from "vitest";

import { type Health, readHealth, standingOf } from "./standing";

const NOW = 1_000_000;

function health(change: Partial<Health>): Health {
  return { state: "ok", model: null, cause: null, until: null, inFlight: 0, ...change };
}

it.each([
  ["ok", false, {}],
  ["disabled", true, { state: "cooling", until: NOW + 1 }],
  ["cooling", false, { state: "cooling", cause: "rate_limit", until: NOW + 38_000 }],
  ["ejected", false, { state: "cooling", cause: "upstream", until: NOW + 38_000 }],
  ["authFailed", false, { state: "cooling", cause: "upstream_auth", until: NOW + 38_000 }],
  // The time is over, and nobody has said so yet.
  ["unverified", false, { state: "cooling", cause: "rate_limit", until: NOW }],
  ["unverified", false, { state: "probation", cause: "rate_limit", until: NOW - 5 }],
] as const)("says %s", (word, disabled, change) => {
  expect(standingOf(disabled, health(change), NOW).word).toBe(word);
});

it("reads the channel without trust", () => {
  expect(readHealth(undefined).size).toBe(0);
  expect(readHealth({ credentials: "none" }).size).toBe(0);
  const found = readHealth({ credentials: [{ id: "a", state: "cooling", until: "soon", in_flight: 3 }, { state: "ok" }, null] });
  expect([...found]).toEqual([["a", { state: "cooling", model: null, cause: null, until: null, inFlight: 3 }]]);
});
