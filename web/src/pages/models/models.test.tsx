import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import type { Schemas } from "../../api/client";
import { shortcuts } from "../../lib/shortcuts";
import { answer, type Answer, json } from "../../test/gateway";
import { renderPage } from "../../test/render";
import { Page } from "./index";
import { listed, type Model } from "./rows";

document.addEventListener("keydown", (event) => shortcuts.handle(event));

const LIST = "GET /api/dashboard/models";
const EXPLAIN = "POST /api/dashboard/routing/explain";
const KEYS = "GET /api/dashboard/auth-keys";

const target = (change: Partial<Schemas["ModelTarget"]> = {}): Schemas["ModelTarget"] => ({
  id: "c1", credential: "anthropic-main", provider: "claude", format: "messages", model: "claude-sonnet-4-5", match: "alias", priority: 1, weight: 3, standing: "ok", until: null, ...change,
});

const model = (change: Partial<Model> = {}): Model => ({
  name: "sonnet",
  kind: "alias",
  resolves_to: ["claude-sonnet-4-5"],
  targets: [target(), target({ id: "c2", credential: "anthropic-2", standing: "cooling", until: Date.UTC(2026, 10, 23, 12, 4, 31) })],
  capabilities: { stream: true, tools: true, parallel_tools: false, json_schema: true, reasoning: "none", max_output: 64_000 },
  price: { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 },
  last_used: Date.now() - 120_000,
  warnings: [],
  ...change,
});

const GLOB = model({ name: "gpt-*", kind: "glob", resolves_to: ["gpt-*"], targets: [], capabilities: null, price: null, last_used: null, warnings: [{ code: "unmatched", message: "no name that is known of matches this pattern" }] });
const MODELS: Schemas["Models"] = { prices_date: "2026-08-10", models: [GLOB, model(), model({ name: "echo", kind: "echo", last_used: Date.now() })] };

const explained = (change: Partial<Schemas["RouteAnswer"]> = {}): Schemas["RouteAnswer"] => ({
  profile: "priority",
  matched_rule: "provider-pins[0]",
  model_chain: ["old", "sonnet"],
  model_resolution: [{ step: "rewrite_applied", from: "old", to: "sonnet", source: "model-rewrites[0]", line: 7 }, { step: "alias_resolved", from: "sonnet", to: "claude-sonnet-4-5", source: "", line: null }],
  selected: {
    provider: "claude", credential_name: "anthropic-main", credential_id: "c1", model: "claude-sonnet-4-5", match: "alias", source: "claude-api-key[0]", line: 12,
    score: { weight: 3, priority: 1, latency_ms: 420, inflight: 2, standing: "ready", faults: 0, until: null },
  },
  alternates: [],
  rejections: [
    { candidate: "anthropic-2", reason: "cooldown_active", model: "sonnet", cause: "rate_limit", until: Date.UTC(2026, 10, 23, 12, 4, 31), source: "x", line: null },
    { candidate: "openai-main", reason: "model_not_supported", model: "sonnet", cause: null, until: null, source: "x", line: 20 },
  ],
  scoring: [],
  error: null,
  attempt_plan: "anthropic-main → the last error (at most 2 attempts)",
  text: "",
  changes: [],
  warnings: [],
  edited: null,
  ...change,
});

const show = (answers: Record<string, Answer> = {}, at = "/models") => {
  const gateway = answer({ [LIST]: MODELS, [EXPLAIN]: explained(), [KEYS]: { auth_keys: [{ id: "k1", name: "app" }], open_to_all: false, version: "1" }, ...answers });
  return renderPage(<Page />, { path: "/models", at }).then((page) => ({ ...page, gateway }));
};

const questions = (calls: { path: string; body: unknown }[]) => calls.filter((call) => call.path.endsWith("/explain")).map((call) => call.body);

describe("the table", () => {
  it("tells name, kind, what it resolves to, credentials, capabilities, price, last use, warnings", async () => {
    await show();
    const row = (await screen.findByText("sonnet")).closest<HTMLElement>("[role=row]")!;
    for (const text of ["alias", "claude-sonnet-4-5", "anthropic-main, anthropic-2", "stream, tools +1", "$3.00 / $15.00", "2 minutes ago"]) expect(row).toHaveTextContent(text);
    expect(screen.getByText("gpt-*", { selector: "[role=row] > :first-child *" }).closest("[role=row]")).toHaveTextContent("matches nothing");
  });

  it("is searched, narrowed to warnings, and sorted, all in the address", async () => {
    const { address } = await show();
    await screen.findByText("sonnet");
    await userEvent.keyboard("/");
    expect(screen.getByRole("searchbox", { name: "Find a model" })).toHaveFocus();
    await userEvent.keyboard("anthropic-2 ali");
    expect(address()).toBe("/models?find=anthropic-2+ali");
    expect(screen.queryByText("echo", { selector: "code" })).toBeNull();
    expect(screen.getByText("1 of 3")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("checkbox", { name: "Only with warnings (1)" }));
    expect(await screen.findByText("No model matches")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Remove the filter" }));
    expect(address()).toBe("/models");
    await userEvent.click(screen.getByRole("button", { name: "Last used" }));
    expect(address()).toBe("/models?sort=used&order=down");
    const names = screen.getAllByRole("row").slice(1).map((row) => row.textContent);
    expect(names[0]).toMatch(/^echo/);
    expect(names[2]).toMatch(/^gpt-\*/);
  });

  it("opens a drawer with all that is known; J goes on, Esc closes, and its button asks", async () => {
    const { address, gateway } = await show();
    await userEvent.click(await screen.findByText("sonnet"));
    const drawer = await screen.findByRole("dialog", { name: "Model sonnet" });
    expect(address()).toBe("/models?open=alias+sonnet");
    for (const text of [/cooling until/, "asks for claude-sonnet-4-5", "at most 64k out", "$15.00 per million tokens", "built-in ones, which are of 2026-08-10"]) expect(drawer).toHaveTextContent(text);
    expect(within(drawer).getByRole("link", { name: "Its requests of the last 7 days" })).toHaveAttribute("href", "/requests?range=7d&q=model:sonnet");
    expect(within(drawer).getByRole("link", { name: "anthropic-main" })).toHaveAttribute("href", "/providers?id=c1");
    await userEvent.click(within(drawer).getByRole("button", { name: /Next row/ }));
    expect(await screen.findByRole("dialog", { name: "Model echo" })).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: /Previous row/ }));
    await userEvent.click(await screen.findByRole("button", { name: "What happens if I ask for it?" }));
    expect(address()).toBe("/models?ask=sonnet");
    await waitFor(() => expect(questions(gateway.calls).at(-1)).toEqual({ model: "sonnet", format: "chat" }));
  });

  it("shows a warning in full in the drawer, and cannot ask for a pattern", async () => {
    await show({}, "/models?open=glob+gpt-*");
    const drawer = await screen.findByRole("dialog");
    expect(drawer).toHaveTextContent("no name that is known of matches this pattern");
    expect(drawer).toHaveTextContent("No provider serves it");
    expect(within(drawer).queryByRole("button", { name: /What happens/ })).toBeNull();
    await userEvent.click(within(drawer).getByRole("button", { name: "Close" }));
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("writes names as text", async () => {
    await show({ [LIST]: { ...MODELS, models: [model({ name: "<img src=x onerror=alert(1)>" })] } });
    expect(await screen.findByText("<img src=x onerror=alert(1)>")).toBeInTheDocument();
    expect(document.querySelector("[role=row] img")).toBeNull();
  });
});

describe("what happens if I ask for", () => {
  it("asks when typing has settled, and tells steps, candidates, reasons and the plan", async () => {
    const { address, gateway } = await show();
    await userEvent.type(await screen.findByLabelText("Model name"), "old");
    const steps = await screen.findByRole("list", { name: "Steps" });
    expect(within(steps).getAllByRole("listitem").map((each) => each.textContent.trim())).toEqual([
      "The client asks for “old”.",
      "A rewrite puts “sonnet” in place of “old”. line 7",
      "“sonnet” is an alias: the upstream is asked for “claude-sonnet-4-5”.",
      "provider-pins[0] limits which providers may answer.",
    ]);
    expect(questions(gateway.calls)).toEqual([{ model: "old", format: "chat" }]);
    expect(address()).toBe("/models?ask=old");
    const order = screen.getByRole("list", { name: "Order by strategy priority" });
    const [first, second] = within(order).getAllByRole("listitem");
    expect(first).toHaveTextContent("chosenanthropic-main asks for claude-sonnet-4-5alias · weight 3 · priority 1 · latency 420 ms · 2 in flightline 12");
    expect(second).toHaveTextContent(/not usedanthropic-2cooling down \(rate_limit\) until/);
    expect(within(order).getByRole("link", { name: "line 12" })).toHaveAttribute("href", "/config?at=claude-api-key%5B0%5D&line=12");
    expect(screen.getByText("1 more does not serve this model")).toBeInTheDocument();
    expect(screen.getByText(/the last error \(at most 2 attempts\)/)).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Try other rules in Routing" })).toHaveAttribute("href", "/routing");
  });

  it("asks for another format, and as the client with a key", async () => {
    const { address, gateway } = await show({}, "/models?ask=old");
    await userEvent.selectOptions(await screen.findByLabelText("Client format"), "gemini");
    await userEvent.selectOptions(screen.getByLabelText("Client key"), await screen.findByRole("option", { name: "app" }));
    expect(address()).toBe("/models?ask=old&format=gemini&as=k1");
    await waitFor(() => expect(questions(gateway.calls).at(-1)).toEqual({ model: "old", format: "gemini", api_key_id: "k1" }));
  });

  it("says when a request would be refused", async () => {
    await show({ [EXPLAIN]: explained({ selected: null, error: { type: "not_found", message: "no provider serves 'x'", retry_after: null } }) }, "/models?ask=x");
    expect(await screen.findByText("Refused: no provider serves 'x'")).toBeInTheDocument();
  });

  it("says what went wrong with asking, at its place", async () => {
    await show({ [EXPLAIN]: json(422, { error: "validation_failed", message: "that cannot be asked" }) }, "/models?ask=x");
    expect(await screen.findByRole("alert")).toHaveTextContent("that cannot be asked");
    expect(await screen.findByText("sonnet")).toBeInTheDocument();
  });
});

describe("other states", () => {
  it("holds its place while it loads", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    await renderPage(<Page />, { path: "/models" });
    expect(screen.getByRole("status", { name: "Loading rows" })).toBeInTheDocument();
  });

  it("leads to providers when there is nothing to ask for", async () => {
    await show({ [LIST]: { ...MODELS, models: [] } });
    expect(await screen.findByText("No model can be asked for")).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Add a provider" })).toHaveAttribute("href", "/providers");
  });

  it("says what went wrong, tries again, and keeps old rows when it fails later", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    let state: "bad" | "good" = "bad";
    await show({ [LIST]: () => (state === "bad" ? json(403, { error: "forbidden", message: "this needs the role operator" }) : MODELS) });
    expect(await screen.findByRole("alert")).toHaveTextContent("this needs the role operator");
    state = "good";
    await userEvent.setup({ advanceTimers: vi.advanceTimersByTime.bind(vi) }).click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByText("sonnet");
    state = "bad";
    await act(() => vi.advanceTimersByTimeAsync(16_000));
    expect(await screen.findByText(/Shown is what was known at/)).toBeInTheDocument();
    expect(screen.getByText("sonnet")).toBeInTheDocument();
  });
});

it("lists by all words of a row", () => {
  const { models } = MODELS;
  expect(listed(models, {}).map((each) => each.name)).toEqual(["gpt-*", "sonnet", "echo"]);
  expect(listed(models, { find: "CLAUDE alias" }).map((each) => each.name)).toEqual(["sonnet"]);
  expect(listed(models, { only: "warnings" }).map((each) => each.name)).toEqual(["gpt-*"]);
  expect(listed(models, { sort: "name", order: "down" }).map((each) => each.name)).toEqual(["sonnet", "gpt-*", "echo"]);
});
