import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";

import { answer, json } from "../../test/gateway";
import { renderPage } from "../../test/render";
import { useToasts } from "../../ui/toasts";
import { useDraft } from "./draft";
import { Page } from ".";

const RAW = { content: "host: 127.0.0.1\napi-keys:\n  - name: app\n    key: ••••\n", file: "config.yaml", version: "v1", config_version: "v1", in_force: true, read_only: false, problems: [] };
const CHECK = { valid: true, message: "ok", errors: [], warnings: [{ path: "api-keys[0]", message: "is weak", line: 3, column: 5 }], effects: [], restart: [], diff: "" };
const SCHEMA = { $ref: "#/$defs/Config", $defs: { Config: { type: "object", properties: { host: { description: "Listen address.", type: "string", default: "0.0.0.0" }, secret: { type: "string", writeOnly: true } } } } };
const VALUES = [
  { path: "host", value: "127.0.0.1", source: "file", origin: null, line: 1 },
  { path: "port", value: 8317, source: "environment", origin: "AIGW_PORT", line: null },
  { path: "workers", value: 1, source: "default", origin: null, line: null },
];
const BASE = {
  "GET /api/dashboard/config/raw": RAW,
  "GET /api/dashboard/config/schema": SCHEMA,
  "GET /api/dashboard/config/current": { file: "config.yaml", version: "v1", values: VALUES },
  "POST /api/dashboard/config/validate": CHECK,
};

beforeEach(() => useDraft.setState({ base: null, text: "" }));

describe("the file", () => {
  it("waits, and says what went wrong", async () => {
    let fail = true;
    answer({ ...BASE, "GET /api/dashboard/config/raw": () => (fail ? json(403, { error: "forbidden", message: "not you" }) : RAW) });
    await renderPage(<Page />, { path: "/config" });
    expect(screen.getByRole("status", { name: "Loading the configuration" })).toBeInTheDocument();
    expect(await screen.findByText(/not you/)).toBeInTheDocument();
    fail = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("config.yaml")).toBeInTheDocument();
  });

  it("shows warnings with their lines, and nothing to review before anything is written", async () => {
    answer(BASE);
    await renderPage(<Page />, { path: "/config" });
    expect(await screen.findByText("can be used, 1 warning")).toBeInTheDocument();
    const problems = screen.getByRole("list", { name: "Problems of the text" });
    expect(within(problems).getByRole("button", { name: "line 3" })).toBeInTheDocument();
    expect(screen.getByRole("button", { name: "Review" })).toBeDisabled();
    expect(screen.getByRole("button", { name: "Discard" })).toBeDisabled();
    expect(within(screen.getByRole("navigation", { name: "Outline" })).getByRole("button", { name: "app" })).toBeInTheDocument();
  });

  it("says when it is not in force, and reads it on request", async () => {
    const gateway = answer({ ...BASE, "GET /api/dashboard/config/raw": { ...RAW, in_force: false }, "POST /api/dashboard/config/reload": { message: "a new configuration is in force", version: "v1", generation: 2, changed: true, restart: [] } });
    await renderPage(<Page />, { path: "/config" });
    await userEvent.click(await screen.findByRole("button", { name: "Read it now" }));
    await waitFor(() => expect(gateway.calls.some((call) => call.path.endsWith("/reload"))).toBe(true));
    await waitFor(() => expect(useToasts.getState().list.at(-1)?.text).toBe("a new configuration is in force"));
  });

  it("says when a check fails, and that a read-only file gets a patch", async () => {
    answer({ ...BASE, "GET /api/dashboard/config/raw": { ...RAW, read_only: true }, "POST /api/dashboard/config/validate": json(503, { error: "file_unreadable", message: "cannot be read" }) });
    await renderPage(<Page />, { path: "/config" });
    expect(await screen.findByText(/Review gives it as a patch/)).toBeInTheDocument();
    expect(await screen.findByText(/cannot be read/)).toBeInTheDocument();
  });

  it("says how to make one where there is none", async () => {
    answer({ ...BASE, "GET /api/dashboard/config/raw": { ...RAW, content: "", file: "" } });
    await renderPage(<Page />, { path: "/config" });
    expect(await screen.findByText("aigw init")).toBeInTheDocument();
    expect(screen.getByText("aigw run -c config.yaml")).toBeInTheDocument();
  });
});

describe("the other views", () => {
  it("narrow the values in force, and say when none is left", async () => {
    answer(BASE);
    await renderPage(<Page />, { path: "/config", at: "/config?tab=effective" });
    expect(await screen.findByText("3 of 3 values")).toBeInTheDocument();
    expect(screen.getByText("AIGW_PORT")).toBeInTheDocument();
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Source" }), "file");
    expect(await screen.findByText("1 of 3 values")).toBeInTheDocument();
    await userEvent.type(screen.getByRole("searchbox"), "zzz");
    await userEvent.click(await screen.findByRole("button", { name: "Show all" }));
    expect(await screen.findByText("3 of 3 values")).toBeInTheDocument();
  });

  it("say when nothing is known of values, and when they cannot be had", async () => {
    answer({ ...BASE, "GET /api/dashboard/config/current": { file: null, version: "v1", values: [] } });
    const { unmount } = await renderPage(<Page />, { path: "/config", at: "/config?tab=effective" });
    expect(await screen.findByText("No values to show")).toBeInTheDocument();
    unmount();
    answer({ ...BASE, "GET /api/dashboard/config/current": json(403, { error: "forbidden", message: "not you" }) });
    await renderPage(<Page />, { path: "/config", at: "/config?tab=effective" });
    expect(await screen.findByText(/not you/)).toBeInTheDocument();
  });

  it("explain every key", async () => {
    let fail = true;
    answer({ ...BASE, "GET /api/dashboard/config/schema": () => (fail ? json(403, { error: "forbidden", message: "not you" }) : SCHEMA) });
    await renderPage(<Page />, { path: "/config", at: "/config?tab=schema" });
    expect(await screen.findByText(/not you/)).toBeInTheDocument();
    fail = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("Listen address.")).toBeInTheDocument();
    expect(screen.getByText("secret", { selector: "span" })).toBeInTheDocument();
    await userEvent.type(screen.getByRole("searchbox"), "nothing like it");
    await userEvent.click(await screen.findByRole("button", { name: "Show all" }));
    expect(await screen.findByText("2 keys")).toBeInTheDocument();
  });
});
