import { expect, it } from "vitest";

import { readConfig, readHealth } from "./states";

it("counts credentials that are used and do not stand well", () => {
  const credentials = ["ok", "disabled", "cooling", "probation"].map((state) => ({ id: state, state }));
  expect(readHealth({ status: "degraded", credentials })).toEqual({ draining: false, unhealthy: 2 });
  expect(readHealth({ status: "draining", credentials: [] }).draining).toBe(true);
});

it("reads what the configuration's state says", () => {
  const value = { problems: [{ path: "port", message: "must be a number", line: 3, column: 7 }], restart: ["port"], open_to_all: true, providers: 0 };
  expect(readConfig(value)).toEqual({ problem: { message: "must be a number", line: 3 }, restart: ["port"], openToAll: true, providers: 0 });
});

it.each([undefined, null, 5, [], { credentials: 3, problems: {}, restart: [1] }])("makes nothing of %j", (value) => {
  expect(readHealth(value)).toEqual({ draining: false, unhealthy: 0 });
  expect(readConfig(value)).toEqual({ problem: null, restart: [], openToAll: false, providers: null });
});
