import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";

import { answer, json } from "../../test/gateway";
import { renderPage } from "../../test/render";
import { useDraft } from "./draft";
import { RULES } from "./rules.testdata";
import { Page } from ".";

const SCORE = { weight: 3, priority: 0, latency_ms: 420, inflight: 2, standing: "ready", faults: 0, until: null };
const ROUTE = {
  profile: "weighted",
  matched_rule: "provider-pins[0]",
  model_chain: ["a"],
  model_resolution: [{ step: "rewrite_applied", from: "a", to: "x", source: "model-rewrites[0]", line: 4 }],
  selected: { provider: "claude", credential_name: "main", credential_id: "1", model: "x", match: "exact", score: SCORE, source: "claude-api-key[0]", line: 7 },
  alternates: [{ provider: "claude", credential_name: "second", credential_id: "2", model: "x", match: "exact", score: { ...SCORE, standing: "resting", until: Date.now() + 9000 }, source: "claude-api-key[1]", line: 9 }],
  rejections: [{ candidate: "third", reason: "access_denied", model: "x", cause: null, until: null, source: "openai-api-key[0]", line: 12 }],
  scoring: [],
  error: null,
  attempt_plan: "main → second → the last error (at most 3 attempts)",
  text: "",
  changes: [{ cause: "payload.override[0]", pointer: "/a" }],
  warnings: [],
  edited: null,
};
const BASE = {
  "GET /api/dashboard/routing": RULES,
  "GET /api/dashboard/config/current": { file: "config.yaml", values: [], version: "v1" },
  "GET /api/dashboard/models": { models: [{ name: "a" }, { name: "b*" }], prices_date: "" },
  "GET /api/dashboard/auth-keys": { auth_keys: [{ id: "k1", name: "app" }], open_to_all: false, version: "v1" },
  "POST /api/dashboard/routing/explain": ROUTE,
};

beforeEach(() => useDraft.setState({ base: null, draft: null }));

describe("the routing page", () => {
  it("waits, and says what went wrong", async () => {
    let fail = true;
    answer({ ...BASE, "GET /api/dashboard/routing": () => (fail ? json(403, { error: "forbidden", message: "not you" }) : RULES) });
    await renderPage(<Page />, { path: "/routing" });
    expect(screen.getByRole("status", { name: "Loading rows" })).toBeInTheDocument();
    expect(await screen.findByText(/not you/)).toBeInTheDocument();
    fail = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("list", { name: "Model rewrites" })).toBeInTheDocument();
  });

  it("asks for a model first, and offers those there are", async () => {
    answer(BASE);
    const { address } = await renderPage(<Page />, { path: "/routing" });
    await userEvent.click(await screen.findByRole("button", { name: "a" }));
    expect(address()).toContain("model=a");
  });

  it("tells the way of a request, each reason with its line", async () => {
    const gateway = answer(BASE);
    await renderPage(<Page />, { path: "/routing", at: "/routing?model=a&format=messages&key=k1&stream=1" });
    const tree = await screen.findByRole("region", { name: "Route" });
    expect(within(tree).getByText("chosen")).toBeInTheDocument();
    expect(within(tree).getByText(/cooling until/)).toBeInTheDocument();
    expect(within(tree).getByText(/key may not use it/)).toBeInTheDocument();
    expect(within(tree).getAllByText(/weight 3 · first token 420 ms · 2 in flight/)[0]).toBeInTheDocument();
    expect(within(tree).getByText(/main → second/)).toBeInTheDocument();
    const links = within(tree).getAllByRole("link").map((link) => link.getAttribute("href"));
    expect(links).toContain("/config?at=openai-api-key%5B0%5D&line=12");
    const asked = gateway.calls.find((call) => call.path.endsWith("/explain"));
    expect(asked?.body).toMatchObject({ model: "a", format: "messages", api_key_id: "k1", stream: true, routing_override: null });
    await userEvent.click(screen.getByText("Headers and body"));
    await userEvent.type(screen.getByRole("textbox", { name: "Headers" }), "X-Session: 7");
    await userEvent.click(screen.getByRole("textbox", { name: "Body" }));
    await userEvent.paste('{"a": 2}');
    expect(await within(tree).findByText("payload.override[0] /a")).toBeInTheDocument();
    await waitFor(() => expect(gateway.calls.at(-1)?.body).toMatchObject({ headers: { "X-Session": "7" }, body: { a: 2 } }));
    await userEvent.paste("x");
    expect(screen.getByText("This is not a JSON object yet.")).toBeInTheDocument();
  });

  it("marks a rule that can never match, and leads to it", async () => {
    answer(BASE);
    await renderPage(<Page />, { path: "/routing" });
    expect(await screen.findByText("can never match:")).toBeInTheDocument();
    expect(screen.getByText(/there is no credential of gemini/)).toBeInTheDocument();
  });

  it("adds, edits and removes rules, and shows what the gateway refuses at its rule", async () => {
    const gateway = answer({ ...BASE, "PATCH /api/dashboard/routing": json(422, { error: "validation_failed", message: "no", fields: [{ path: "/fallbacks/1/to/0", message: "no credential serves it" }] }) });
    await renderPage(<Page />, { path: "/routing" });
    await userEvent.click(await screen.findByRole("button", { name: "Add a fallback" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Model of fallback 2" }), "m");
    await userEvent.type(screen.getByRole("textbox", { name: /instead, of fallback 2/ }), "x, y");
    expect(await screen.findByText("no credential serves it")).toBeInTheDocument();
    await waitFor(() => expect(JSON.stringify(gateway.calls.at(-1)?.body)).toContain('"y"'));
    expect(gateway.calls.at(-1)).toMatchObject({ method: "PATCH", search: "?dry_run=true", body: { fallbacks: [{ model: "gpt-*", to: ["claude", "gemini"] }, { model: "m", to: ["x", "y"] }] } });
    expect(screen.getByRole("button", { name: "Review" })).toBeDisabled();
    await userEvent.click(screen.getByRole("button", { name: "Remove m" }));
    expect(screen.queryByRole("button", { name: "Discard" })).toBeNull();
  });

  it("edits a payload rule as JSON, and takes no other", async () => {
    answer({ ...BASE, "PATCH /api/dashboard/routing": { dry_run: true, diff: "+x", effects: [], restart: [], version: "v1" } });
    await renderPage(<Page />, { path: "/routing" });
    await userEvent.click(await screen.findByTitle("Edit the rule"));
    const params = screen.getByRole("textbox", { name: "What to change" });
    await userEvent.clear(params);
    await userEvent.click(screen.getByRole("button", { name: "Add to the list" }));
    expect(screen.getByText("It must be a JSON object of paths and values.")).toBeInTheDocument();
    await userEvent.click(params);
    await userEvent.paste('{"b": 2}');
    await userEvent.click(screen.getByRole("button", { name: "Add to the list" }));
    expect(screen.getByText('{"b":2}')).toBeInTheDocument();
    expect(screen.queryByText("can never match:")).toBeNull();
  });

  it("moves rules by its buttons, and reviews before it saves", async () => {
    const gateway = answer({ ...BASE, "PATCH /api/dashboard/routing": (request) => (request.url.includes("dry_run") ? { dry_run: true, diff: "+moved", effects: ["changes model-rewrites"], restart: [], version: "v1" } : { ...RULES, version: "v2", message: "saved", effects: [], restart: [] }) });
    await renderPage(<Page />, { path: "/routing" });
    await userEvent.click(await screen.findByRole("button", { name: "Move a down" }));
    const review = screen.getByRole("button", { name: "Review" });
    await waitFor(() => expect(review).toBeEnabled());
    await userEvent.click(review);
    expect(await screen.findByText("changes model-rewrites")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    const saved = gateway.calls.find((call) => call.method === "PATCH" && call.search === "");
    expect(saved?.headers.get("if-match")).toBe('"v1"');
    expect(saved?.body).toEqual({ model_rewrites: [{ from: "b*", to: "y" }, { from: "a", to: "x" }] });
  });

  it("shows the rules and no way to change them where there is no file", async () => {
    answer({ ...BASE, "GET /api/dashboard/config/current": { file: null, values: [], version: "v1" } });
    await renderPage(<Page />, { path: "/routing" });
    expect(await screen.findByText("aigw init")).toBeInTheDocument();
    expect(await screen.findByRole("button", { name: "Add a rewrite" })).toBeDisabled();
  });
});
