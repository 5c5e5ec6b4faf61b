import { expect, it } from "vitest";

import { withTheirs } from "../../lib/withTheirs";
import { changeBody, detailForm, differences, newBody, type Preset, presetForm, trialBody } from "./form";
import { DETAIL } from "./form.fixture";

const PRESET: Preset = {
  id: "openai",
  name: "OpenAI",
  provider_type: "openai",
  base_url: "https://api.openai.com",
  auth_style: "bearer",
  wire_api: "chat",
  needs_key: true,
  variables: ["OPENAI_API_KEY"],
  keys_url: null,
};

const form = detailForm(DETAIL);

it("asks for no change where nothing was changed", () => {
  expect(changeBody(form, form)).toEqual({});
});

it("sends only what differs, and null for what goes back to the default", () => {
  const changed = changeBody({ ...form, name: "other", models: [], firstByte: "", idle: "90", weight: "7", proxy: "none" }, form);
  expect(changed).toEqual({ name: "other", models: null, timeouts: { first_byte: null, idle: 90 }, weight: 7, proxy_url: "" });
});

it("takes a header out by null, renames by both, and leaves a hidden value", () => {
  const changed = changeBody({ ...form, headers: [{ name: "x-team", value: "••••" }, { name: "x-new", value: "1" }] }, form);
  expect(changed).toEqual({ headers: { "x-trace": null, "x-new": "1" } });
});

it("writes where the key stands", () => {
  expect(changeBody({ ...form, keyFrom: "env", variable: "MY_KEY" }, form)).toEqual({ api_key: "${MY_KEY}" });
  expect(changeBody({ ...form, keyFrom: "file", keyFile: "/run/secrets/k" }, form)).toEqual({ api_key: "file:///run/secrets/k" });
  expect(changeBody({ ...form, keyFrom: "inline", key: " a${b " }, form)).toEqual({ api_key: "a$${b" });
});

it("begins with what the preset and the environment have", () => {
  const found = presetForm(PRESET, ["OPENAI_API_KEY"]);
  expect(newBody(found)).toEqual({ provider_type: "openai", api_key: "${OPENAI_API_KEY}" });
  expect(presetForm(PRESET, []).keyFrom).toBe("inline");
  const local = presetForm({ ...PRESET, id: "ollama", provider_type: "openai-compat", base_url: "http://127.0.0.1:11434", needs_key: false, variables: [] }, []);
  expect(newBody(local)).toEqual({ provider_type: "openai-compat", api_key: "unused", base_url: "http://127.0.0.1:11434" });
});

it("leaves to the gateway what is no number", () => {
  expect(changeBody({ ...form, weight: "many" }, form)).toEqual({ weight: "many" });
});

it("tries out with the key that is there", () => {
  expect(trialBody({ ...form, baseUrl: "https://other" }, DETAIL)).toEqual({ id: "p1", provider_type: "openai", api_key: "sk-l****1234", base_url: "https://other" });
});

it("shows what somebody else has changed, and takes what is chosen", () => {
  const theirs = { ...form, weight: "5", name: "theirs" };
  const mine = { ...form, weight: "9", prefix: "a/" };
  expect(differences(form, theirs, mine).map(({ field, theirs: there, mine: own }) => [field, there, own])).toEqual([
    ["name", "theirs", "main"],
    ["weight", "5", "9"],
  ]);
  const chosen = withTheirs(mine, theirs, new Set(["name"] as const));
  expect(changeBody(chosen, theirs)).toEqual({ weight: 9, prefix: "a/" });
  expect(changeBody(withTheirs(mine, theirs, new Set(["name", "weight"] as const)), theirs)).toEqual({ prefix: "a/" });
});
