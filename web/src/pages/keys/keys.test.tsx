import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";

import { type Answer, answer, json } from "../../test/gateway";
import { renderPage } from "../../test/render";
import { changeBody, keyForm, localTime, newBody } from "./form";
import { Page } from "./index";
import { snippets } from "./snippets";

const API = "/api/dashboard";
const KEY = {
  id: "k1",
  name: "ci",
  key_masked: "sk-p****0000",
  created: null,
  expires_at: null,
  expired: false,
  allowed_models: ["gpt-*"],
  allowed_providers: [],
  requests_per_minute: 60,
  tokens_per_minute: null,
  max_concurrent: null,
  last_used: 1_795_000_000_000,
  usage_today: { requests: 412, failed: 2, input_tokens: 1200, output_tokens: 300, cost: 0.25 },
  used_now: { requests: 54, tokens: 0, concurrent: 0 },
};
const DETAIL = { ...KEY, last_hour: { requests: 412, failed: 0, models: ["gpt-5"] }, version: "v1" };
const SECRET = "sk-proxy-0123456789";
const PREVIEW = { dry_run: true, diff: "@@ -1 +0 @@\n-  - name: ci\n", effects: ["removes 1 client key: ci"], restart: [], version: "v1" };

function gateway(more: Record<string, Answer> = {}, keys: object[] = [KEY, { ...KEY, id: "k2", name: "old", expired: true }], openToAll = false) {
  return answer({
    [`GET ${API}/auth-keys`]: { auth_keys: keys, open_to_all: openToAll, version: "v1" },
    [`GET ${API}/auth-keys/k1`]: DETAIL,
    [`GET ${API}/config/current`]: { file: "config.yaml" },
    [`DELETE ${API}/auth-keys/k1`]: (request) => (request.url.includes("dry_run") ? PREVIEW : { message: "ci is no key any more", version: "v2", effects: [], restart: [] }),
    ...more,
  });
}

const open = (at = "/keys") => renderPage(<Page />, { path: "/keys", at });

it("shows limits with what is used of them, use and expiry", async () => {
  gateway();
  await open();
  const row = within(await screen.findByRole("row", { name: /^ci/ }));
  expect(row.getByRole("meter", { name: "Requests a minute" })).toHaveAttribute("aria-valuetext", "54 of 60 used");
  expect(row.getByText("412")).toBeVisible();
  expect(within(screen.getByRole("row", { name: /^old/ })).getByText("expired")).toBeVisible();
});

it("makes a key, shows it once, and lets go of it when it is saved", async () => {
  const made = { ...DETAIL, id: "k9", name: "web", key: SECRET, message: "", effects: [], restart: [] };
  const calls = gateway({ [`POST ${API}/auth-keys`]: json(201, made) });
  const page = await open();
  const user = userEvent.setup();
  await user.click(await screen.findByRole("link", { name: "Create key" }));
  expect(page.address()).toBe("/keys?add=1");
  await user.type(await screen.findByLabelText(/^Name/), "web");
  await user.type(screen.getByRole("textbox", { name: "Requests a minute" }), "30");
  await user.type(screen.getByLabelText("Models it may ask for"), "gpt-*\nclaude-*");
  await user.click(screen.getByRole("button", { name: "in 30 days" }));
  await user.click(screen.getByRole("button", { name: "Create key" }));
  expect(await screen.findByLabelText("The new key")).toHaveValue(SECRET);
  const body = calls.calls.find((call) => call.method === "POST")?.body as Record<string, unknown>;
  expect(body).toMatchObject({ name: "web", requests_per_minute: 30, tokens_per_minute: null, allowed_models: ["gpt-*", "claude-*"], allowed_providers: [] });
  expect(Math.abs(Date.parse(String(body.expires_at)) - Date.now() - 30 * 86_400_000)).toBeLessThan(120_000);
  await user.click(screen.getByRole("tab", { name: "Claude Code" }));
  expect(screen.getByText(/ANTHROPIC_AUTH_TOKEN='sk-proxy-0123456789'/)).toBeVisible();
  // Closing otherwise only warns.
  await user.click(screen.getByRole("button", { name: "Close" }));
  expect(screen.getByRole("alert")).toHaveTextContent("cannot be shown again");
  expect(screen.getByLabelText("The new key")).toHaveValue(SECRET);
  await user.click(screen.getByRole("button", { name: "I have saved it" }));
  expect(page.address()).toBe("/keys");
  expect(document.body.innerHTML).not.toContain(SECRET);
});

it("says at the field what the gateway refuses", async () => {
  gateway({ [`POST ${API}/auth-keys`]: json(422, { error: "validation_failed", message: "no", fields: [{ path: "/requests_per_minute", message: "must be 1 or more" }, { path: "/allowed_models/1", message: "is empty" }] }) });
  await open("/keys?add=1");
  const user = userEvent.setup();
  await user.type(await screen.findByRole("textbox", { name: "Requests a minute" }), "0");
  await user.click(screen.getByRole("button", { name: "Create key" }));
  await waitFor(() => expect(screen.getByRole("textbox", { name: "Requests a minute" })).toBeInvalid());
  expect(screen.getByLabelText("Models it may ask for")).toHaveAccessibleDescription(/is empty/);
  expect(screen.getByRole("alert")).toHaveTextContent("2 fields need other values.");
});

it("says that there is one of the same name", async () => {
  gateway({ [`POST ${API}/auth-keys`]: json(409, { error: "duplicate", message: "there is a key called 'ci' already", version: "v1" }) });
  await open("/keys?add=1");
  await userEvent.setup().click(await screen.findByRole("button", { name: "Create key" }));
  expect(await screen.findByText("there is a key called 'ci' already")).toBeVisible();
});

it("saves what was changed alone, and shows both when somebody else was faster", async () => {
  let version = "v1";
  const calls = gateway({
    [`GET ${API}/auth-keys/k1`]: () => (version === "v1" ? DETAIL : { ...DETAIL, requests_per_minute: 10, version }),
    [`PATCH ${API}/auth-keys/k1`]: (request) =>
      request.headers.get("if-match") === `"${version}"` ? { ...DETAIL, max_concurrent: 3, version: "v3", message: "the key is changed", effects: [], restart: [] } : json(409, { error: "config_conflict", message: "changed meanwhile", version }),
  });
  await open("/keys?id=k1");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Requests at once"), "3");
  version = "v2";
  await user.click(screen.getByRole("button", { name: "Save" }));
  const row = within(await screen.findByRole("row", { name: /Requests a minute/ }));
  expect(row.getByRole("radio", { name: "10" })).toBeChecked();
  await user.click(screen.getByRole("button", { name: "Go on with these" }));
  expect(await screen.findByRole("textbox", { name: "Requests a minute" })).toHaveValue("10");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(calls.calls.filter((call) => call.method === "PATCH").at(-1)?.body).toEqual({ max_concurrent: 3 }));
  expect(calls.calls.filter((call) => call.method === "PATCH").at(-1)?.headers.get("if-match")).toBe('"v2"');
});

it("puts back what was there, and asks before what is filled in is lost", async () => {
  gateway();
  const page = await open("/keys?id=k1");
  const user = userEvent.setup();
  const limit = await screen.findByLabelText("Requests at once");
  await user.type(limit, "3");
  await user.click(screen.getByRole("button", { name: "Reset" }));
  expect(limit).toHaveValue("");
  await user.type(limit, "4");
  await user.click(screen.getByRole("button", { name: "Close" }));
  await user.click(within(await screen.findByRole("dialog", { name: /Discard/ })).getByRole("button", { name: "Discard" }));
  expect(page.address()).toBe("/keys");
});

it("says what still uses a key, and deletes it when its name is typed", async () => {
  const calls = gateway();
  const page = await open("/keys?id=k1");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Delete" }));
  const asked = within(await screen.findByRole("dialog", { name: "Delete key ci?" }));
  expect(asked.getByText(/412 requests in the last hour, for gpt-5/)).toBeVisible();
  expect(asked.queryByText(/last key/)).toBeNull();
  expect(await asked.findByText("removes 1 client key: ci")).toBeVisible();
  const go = asked.getByRole("button", { name: "Delete key" });
  expect(go).toBeDisabled();
  await user.type(asked.getByRole("textbox"), "ci");
  await user.click(go);
  await waitFor(() => expect(page.address()).toBe("/keys"));
  expect(calls.calls.filter((call) => call.method === "DELETE").at(-1)?.headers.get("if-match")).toBe('"v1"');
});

it.each([
  [false, /refuses all clients/],
  [true, /stays open to everybody/],
])("explains what becomes of the last key (open: %s)", async (openToAll, said) => {
  gateway({}, [KEY], openToAll);
  await open("/keys?id=k1");
  await screen.findByRole("link", { name: "ci", hidden: true });
  await userEvent.setup().click(await screen.findByRole("button", { name: "Delete" }));
  expect(await screen.findByText(said)).toBeVisible();
});

it("says what to do without a configuration file", async () => {
  gateway({ [`GET ${API}/config/current`]: { file: null } }, [], true);
  await open("/keys?add=1");
  expect((await screen.findAllByText("aigw init")).length).toBeGreaterThan(0);
  expect(screen.getByRole("button", { name: "Create key" })).toBeDisabled();
  expect(screen.getByText(/The gateway is open/)).toBeVisible();
});

it("says what went wrong, and tries again", async () => {
  let down = true;
  gateway({ [`GET ${API}/auth-keys`]: () => (down ? json(403, { error: "forbidden", message: "no" }) : { auth_keys: [KEY], open_to_all: false, version: "v1" }) });
  await open();
  expect(await screen.findByText(/This session may not do that/)).toBeVisible();
  down = false;
  await userEvent.setup().click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("link", { name: "ci" })).toBeVisible();
});

it("sends null for what is emptied, and times with their zone", () => {
  const form = keyForm({ ...KEY, expires_at: 1_795_000_020_000 });
  expect(changeBody({ ...form, expires: "", requests: "", models: "" }, form)).toEqual({ expires_at: null, requests_per_minute: null, allowed_models: [] });
  expect(newBody({ ...form, requests: "many" })).toMatchObject({ requests_per_minute: "many", expires_at: "2026-11-18T11:07:00.000Z" });
  expect(localTime(null)).toBe("");
});

it("writes settings that no key can break out of", () => {
  const found = snippets("http://127.0.0.1:8317", "a'b$c");
  expect(found.find(({ id }) => id === "openai")?.text).toBe("export OPENAI_BASE_URL='http://127.0.0.1:8317/v1'\nexport OPENAI_API_KEY='a'\\''b$c'");
  expect(found.map(({ id }) => id)).toEqual(["openai", "anthropic", "gemini", "claudeCode", "codex", "geminiCli", "curl"]);
});
