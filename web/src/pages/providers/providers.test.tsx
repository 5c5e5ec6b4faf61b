import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";

import { shortcuts } from "../../lib/shortcuts";
import { useLive } from "../../live";
import { type Answer, answer, json } from "../../test/gateway";
import { renderPage } from "../../test/render";
import { DETAIL } from "./form.fixture";
import { Page } from "./index";

// As the application does.
document.addEventListener("keydown", (event) => shortcuts.handle(event));

const API = "/api/dashboard";
const { id } = DETAIL;
const ECHO = { ...DETAIL, id: "e", name: "echo-chat", provider_type: "echo", origin: "builtin", key_source: "none", api_key_masked: "" };
const SECOND = { ...DETAIL, id: "p2", name: "second", provider_type: "claude" };
const PREVIEW = { dry_run: true, diff: "--- config.yaml\n+++ config.yaml\n@@ -1 +1,2 @@\n # kept\n+  - name: fresh\n", effects: ["adds 1 provider: fresh"], restart: [], version: "v1" };
const PRESETS = {
  environment: ["GROQ_API_KEY"],
  presets: [
    { id: "openai", name: "OpenAI", provider_type: "openai", base_url: "https://api.openai.com", auth_style: "bearer", wire_api: "chat", needs_key: true, variables: ["OPENAI_API_KEY"], keys_url: "https://example.com/keys" },
    { id: "groq", name: "Groq", provider_type: "openai-compat", base_url: "https://api.groq.com/openai", auth_style: "bearer", wire_api: "chat", needs_key: true, variables: ["GROQ_API_KEY"], keys_url: null },
  ],
};

function gateway(more: Record<string, Answer> = {}, providers: object[] = [DETAIL, SECOND, ECHO]) {
  return answer({
    [`GET ${API}/providers`]: { providers, version: "v1" },
    [`GET ${API}/providers/${id}`]: DETAIL,
    [`GET ${API}/providers/${id}/events`]: { events: [{ seq: 1, timestamp: 1_795_000_000_000, credential: id, model: "", kind: "rests", cause: "rate_limit", until: 1_795_000_038_000, limited: true, faults: 1 }] },
    [`GET ${API}/providers/presets`]: PRESETS,
    [`GET ${API}/config/current`]: { file: "config.yaml" },
    [`GET ${API}/metrics/series`]: json(404, { error: "no_request_log", message: "no request log is kept" }),
    ...more,
  });
}

const open = (at = "/providers") => renderPage(<Page />, { path: "/providers", at });

it("shows them by kind, in the word of the live state, with a clock that runs", async () => {
  gateway();
  await open();
  const row = within(await screen.findByRole("row", { name: /second/ }));
  expect(row.getByText("ok")).toBeVisible();
  expect(screen.getByRole("rowheader", { name: /Anthropic 1/ })).toBeVisible();
  expect(screen.getByText(/No request log is kept/)).toBeVisible();
  act(() => useLive.getState().takeStates(new Map([["health", { credentials: [{ id: "p2", state: "cooling", cause: "rate_limit", until: Date.now() + 38_000, in_flight: 2 }] }]]), Date.now()));
  expect(row.getByText("cooling")).toBeVisible();
  expect(row.getByText(/^0:3\d$/)).toBeVisible();
  expect(row.getByText("2")).toBeVisible();
});

it("switches at once, and back when the gateway refuses, with the patch to copy", async () => {
  const calls = gateway({ [`PATCH ${API}/providers/${id}`]: json(409, { error: "read_only", message: "config.yaml is read-only", version: "v1", diff: "+    disabled: true\n" }) });
  await open();
  const user = userEvent.setup();
  const flip = await screen.findByRole("switch", { name: "main enabled" });
  await user.click(flip);
  expect(calls.calls.find((call) => call.method === "PATCH")?.body).toEqual({ disabled: true });
  const said = await screen.findByRole("dialog", { name: "It stays as it was" });
  expect(within(said).getByText(/disabled: true/)).toBeVisible();
  await waitFor(() => expect(flip).toBeChecked());
});

it("goes through the list by j and k, and opens a panel whose address can be copied", async () => {
  gateway();
  const page = await open();
  await screen.findByRole("link", { name: "main" });
  const user = userEvent.setup();
  await user.keyboard("jj");
  expect(screen.getByRole("link", { name: "main" })).toHaveFocus();
  await user.keyboard("k");
  expect(screen.getByRole("link", { name: "second" })).toHaveFocus();
  await user.click(screen.getByRole("link", { name: "main" }));
  expect(page.address()).toBe("/providers?id=p1");
  expect(await screen.findByText(/a rate limit: the vendor asks to wait/)).toBeVisible();
  expect(screen.getByText("••••")).toBeVisible();
});

it("says what happened many times at once in one line", async () => {
  const event = (seq: number, timestamp: number) => ({ seq, timestamp, credential: id, model: "", kind: "rests", cause: "upstream", until: timestamp + 10_000, limited: false, faults: 1 });
  gateway({ [`GET ${API}/providers/${id}/events`]: { events: [event(1, 1_795_000_000_000), event(2, 1_795_000_060_000), event(3, 1_795_000_060_400)] } });
  await open("/providers?id=p1");
  expect(await screen.findByText("after an upstream error, for 10.0 s (2 times)", { normalizer: (text) => text.replace(/\s+/g, " ").trim() })).toBeVisible();
  expect(screen.getAllByText(/after an upstream error/)).toHaveLength(2);
});

it("clears a cooldown", async () => {
  const calls = gateway({
    [`GET ${API}/providers/${id}`]: { ...DETAIL, state: "cooling", cause: "rate_limit", until: Date.now() + 60_000 },
    [`DELETE ${API}/providers/${id}/cooldown`]: { message: "main is used again at once", cleared: 1 },
  });
  await open("/providers?id=p1");
  await userEvent.setup().click(await screen.findByRole("button", { name: "Use it again now" }));
  await waitFor(() => expect(calls.calls.some((call) => call.method === "DELETE" && call.path.endsWith("/cooldown"))).toBe(true));
});

it("says what came of a test, in the words of the upstream", async () => {
  const calls = gateway({
    [`POST ${API}/providers/${id}/test`]: { ok: false, status: 401, latency_ms: 84, first_content_ms: null, tls: true, format: "chat", model: "gpt-5", text: "", error: { kind: "authentication", message: "<b>bad key</b>", hint: "Check the key." } },
  });
  await open("/providers?id=p1");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("checkbox", { name: "As a stream" }));
  await user.click(screen.getByRole("button", { name: "Send a test" }));
  expect(await screen.findByText("<b>bad key</b>")).toBeVisible();
  expect(screen.getByText("401")).toBeVisible();
  expect(screen.getByText(/Check the key\./)).toBeVisible();
  expect(calls.calls.find((call) => call.path.endsWith("/test"))?.body).toEqual({ model: null, stream: false });
});

it("lists the models of the upstream, and says when it cannot", async () => {
  let failing = true;
  gateway({ [`POST ${API}/providers/${id}/models`]: () => (failing ? json(424, { error: "upstream_failed", message: "connection refused" }) : { models: [{ id: "gpt-5", name: null }, { id: "gpt-5-mini", name: null }], complete: true, error: null }) });
  await open("/providers?id=p1");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Fetch models" }));
  expect(await screen.findByText("connection refused")).toBeVisible();
  failing = false;
  await user.click(screen.getByRole("button", { name: "Fetch models" }));
  expect(await screen.findByText("2 models listed by the upstream")).toBeVisible();
  await user.type(screen.getByRole("searchbox", { name: "Filter models" }), "mini");
  expect(within(screen.getByRole("region", { name: "Models of the upstream" })).getAllByRole("listitem")).toHaveLength(1);
});

it("says why there is no list when the upstream gives none", async () => {
  gateway({ [`POST ${API}/providers/${id}/models`]: { models: [], complete: false, error: "the list could not be had: 401 bad key" } });
  await open("/providers?id=p1");
  await userEvent.setup().click(await screen.findByRole("button", { name: "Fetch models" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("No models could be fetched: the list could not be had: 401 bad key");
  expect(screen.queryByText(/listed by the upstream/)).toBeNull();
});

it("names what is deleted, shows the lines, and deletes the version that was shown", async () => {
  const calls = gateway({
    [`DELETE ${API}/providers/${id}`]: (request) => (request.url.includes("dry_run") ? PREVIEW : { message: "main is gone", version: "v2", effects: [], restart: [] }),
  });
  const page = await open("/providers?id=p1");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Delete" }));
  const asked = within(await screen.findByRole("dialog", { name: "Delete main?" }));
  expect(await asked.findByText("adds 1 provider: fresh")).toBeVisible();
  await user.click(asked.getByRole("button", { name: "Delete provider" }));
  await waitFor(() => expect(page.address()).toBe("/providers"));
  expect(calls.calls.filter((call) => call.method === "DELETE").at(-1)?.headers.get("if-match")).toBe('"v1"');
});

it("adds one: preset, variable of the server, test, lines of the file, save", async () => {
  const made = { ...DETAIL, id: "p9", name: "groq-main", message: "the provider is there", effects: [], restart: [] };
  const calls = gateway({
    [`POST ${API}/providers`]: (request) => (request.url.includes("dry_run") ? PREVIEW : json(201, made)),
    [`POST ${API}/providers/test`]: { ok: true, status: 200, latency_ms: 84, first_content_ms: 40, tls: true, format: "chat", model: "llama", text: "OK", error: null },
    [`GET ${API}/providers/p9`]: made,
  });
  const page = await open("/providers?add=choose");
  const user = userEvent.setup();
  expect(await screen.findByText("GROQ_API_KEY found")).toBeVisible();
  await user.click(screen.getByRole("link", { name: "Groq" }));
  expect(await screen.findByRole("radio", { name: "Environment variable" })).toBeChecked();
  await user.type(screen.getByLabelText("Name"), "groq-main");
  await user.type(screen.getByLabelText("Model"), "llama");
  await user.click(screen.getByRole("button", { name: "Send a test" }));
  expect(await screen.findByText("answered")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Review the change" }));
  expect(await screen.findByText(/name: fresh/)).toBeVisible();
  expect(calls.calls.some((call) => call.method === "POST" && call.path === `${API}/providers` && call.search === "")).toBe(false);
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(page.address()).toBe("/providers?id=p9"));
  const saved = calls.calls.find((call) => call.method === "POST" && call.path === `${API}/providers` && call.search === "");
  expect(saved?.body).toEqual({ provider_type: "openai-compat", name: "groq-main", api_key: "${GROQ_API_KEY}", base_url: "https://api.groq.com/openai" });
  expect(saved?.headers.get("if-match")).toBe('"v1"');
});

it("says at the field what the gateway refuses, and what is there twice", async () => {
  let refusal = json(422, { error: "validation_failed", message: "a provider needs a key", fields: [{ path: "/api_key", message: "a provider needs a key" }] });
  gateway({ [`POST ${API}/providers`]: () => refusal });
  await open("/providers?add=openai");
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Review the change" }));
  await waitFor(() => expect(screen.getByLabelText(/Key text/)).toBeInvalid());
  expect(screen.getByLabelText(/Key text/)).toHaveAccessibleDescription(/a provider needs a key/);
  refusal = json(409, { error: "duplicate", message: "main is the same account", version: "v1" });
  await user.type(screen.getByLabelText(/Key text/), "sk-1");
  await user.click(screen.getByRole("button", { name: "Review the change" }));
  expect(await screen.findByText("main is the same account")).toBeVisible();
});

it("shows both when the file was changed meanwhile, and saves what is chosen", async () => {
  let version = "v1";
  const calls = gateway({
    [`GET ${API}/providers/${id}`]: () => (version === "v1" ? DETAIL : { ...DETAIL, weight: 5, version: "v2" }),
    [`PATCH ${API}/providers/${id}`]: (request) => {
      if (request.headers.get("if-match") !== `"${version}"`) return json(409, { error: "config_conflict", message: "changed meanwhile", version });
      return request.url.includes("dry_run") ? { ...PREVIEW, version } : { ...DETAIL, version: "v3", message: "the provider is changed", effects: [], restart: [] };
    },
  });
  await open("/providers?id=p1&edit=1");
  const user = userEvent.setup();
  const prefix = await screen.findByLabelText("Prefix");
  await user.type(prefix, "team/");
  await user.clear(screen.getByLabelText("Weight"));
  await user.type(screen.getByLabelText("Weight"), "9");
  version = "v2";
  await user.click(screen.getByRole("button", { name: "Review the change" }));
  const row = within(await screen.findByRole("row", { name: /Weight/ }));
  expect(row.getByRole("radio", { name: "9" })).toBeChecked();
  await user.click(row.getByRole("radio", { name: "5" }));
  await user.click(screen.getByRole("button", { name: "Go on with these" }));
  await user.click(await screen.findByRole("button", { name: "Review the change" }));
  await user.click(await screen.findByRole("button", { name: "Save" }));
  await waitFor(() => expect(calls.calls.filter((call) => call.method === "PATCH").at(-1)?.body).toEqual({ prefix: "team/" }));
  expect(calls.calls.filter((call) => call.method === "PATCH").at(-1)?.headers.get("if-match")).toBe('"v2"');
});

it("puts the file in force first when it is ahead of that, to compare with it", async () => {
  let taken = false;
  const calls = gateway({
    [`GET ${API}/providers/${id}`]: () => (taken ? { ...DETAIL, priority: 7, version: "v2" } : DETAIL),
    [`PATCH ${API}/providers/${id}`]: json(409, { error: "config_conflict", message: "changed meanwhile", version: "v2" }),
    [`POST ${API}/config/reload`]: () => {
      taken = calls.calls.filter((call) => call.path.endsWith("/reload")).length > 1;
      return taken ? { message: "a new configuration is in force", version: "v2" } : json(422, { error: "reload_failed", message: "the file is not taken", fields: [{ path: "port", message: "must be a number" }] });
    },
  });
  await open("/providers?id=p1&edit=1");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Prefix"), "x/");
  await user.click(screen.getByRole("button", { name: "Review the change" }));
  const take = await screen.findByRole("button", { name: "Put the file in force, and compare" });
  await user.click(take);
  expect(await screen.findByText("must be a number")).toBeVisible();
  await user.click(take);
  expect(within(await screen.findByRole("row", { name: /Priority/ })).getByRole("radio", { name: "7" })).toBeChecked();
});

it("asks before a filled-in form is closed", async () => {
  gateway();
  const page = await open("/providers?add=openai");
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText("Name"), "x");
  await user.click(screen.getByRole("button", { name: "Close" }));
  await user.click(within(await screen.findByRole("dialog", { name: /Discard/ })).getByRole("button", { name: "Discard" }));
  expect(page.address()).toBe("/providers");
});

it("says what to do without a configuration file, and offers no change", async () => {
  gateway({ [`GET ${API}/config/current`]: { file: null }, [`GET ${API}/providers/${id}`]: { ...DETAIL, origin: "environment" } }, [{ ...DETAIL, origin: "environment" }, ECHO]);
  await open("/providers?id=p1");
  expect(await screen.findByText("aigw init")).toBeVisible();
  expect(await screen.findByRole("button", { name: "Edit" })).toBeDisabled();
  expect(screen.getByRole("button", { name: "Delete" })).toBeDisabled();
  expect(screen.queryByRole("switch")).toBeNull();
  expect(await screen.findByRole("button", { name: "Send a test" })).toBeEnabled();
});

it("leads on where there is none yet, with what the environment has", async () => {
  gateway({}, [ECHO]);
  const page = await open();
  expect(await screen.findByText(/Found in the environment of the gateway: GROQ_API_KEY/)).toBeVisible();
  await userEvent.setup().click(screen.getByRole("link", { name: "Groq" }));
  expect(page.address()).toBe("/providers?add=groq");
});

it("says what went wrong, and tries again", async () => {
  let down = true;
  gateway({ [`GET ${API}/providers`]: () => (down ? json(403, { error: "forbidden", message: "not with this session" }) : { providers: [DETAIL], version: "v1" }) });
  await open();
  expect(await screen.findByText(/This session may not do that/)).toBeVisible();
  down = false;
  await userEvent.setup().click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("link", { name: "main" })).toBeVisible();
});
