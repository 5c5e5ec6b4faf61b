import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { useLive } from "../../live";
import { answer, type Answer, json } from "../../test/gateway";
import { detail, entry, LOG_NAMES, logPage, logStats } from "../../test/requests";
import { renderPage } from "../../test/render";
import { ToastRegion } from "../../ui/Toast";
import { Page } from ".";
import { fetchSpan } from "./useRequests";

const LOGS = "GET /api/dashboard/logs";
const usual = (change: Record<string, Answer> = {}): Record<string, Answer> => ({
  [LOGS]: logPage([entry(9), entry(8, { status: 429, failed: true, error: "rate_limit" }), entry(7, { served_model: "claude-y", attempts: 2 })]),
  "GET /api/dashboard/logs/filters": LOG_NAMES,
  "GET /api/dashboard/logs/stats": logStats(214),
  ...change,
});

const show = (at = "/requests") =>
  renderPage(
    <>
      <Page />
      <ToastRegion />
    </>,
    { path: "/requests", at },
  );
const row = (id: string) => screen.getByText(id).closest<HTMLElement>("[role=row]")!;
const rowIds = () => within(screen.getByRole("table")).getAllByText(/^req-\d+$/).map((each) => each.textContent);

beforeEach(() => vi.stubGlobal("scrollTo", () => undefined));
afterEach(() => vi.unstubAllGlobals());

describe("the list of requests", () => {
  it("shows what there is, with its numbers written", async () => {
    answer(usual());
    await show();
    await screen.findByText("req-9");
    const cells = within(row("req-9")).getAllByRole("cell").map((cell) => cell.textContent);
    expect(cells).toEqual(expect.arrayContaining(["200 OK", "gpt-x", "openai-main", "chat → messages", "12 → 34", "$0.0012"]));
    expect(within(row("req-8")).getByText("429 limited")).toBeInTheDocument();
    expect(within(row("req-7")).getByText("gpt-x → claude-y")).toBeInTheDocument();
    expect(within(row("req-7")).getByText("2×")).toBeInTheDocument();
    expect(screen.getByText("These are all requests of this range.")).toBeInTheDocument();
  });

  it("is a skeleton while it loads", async () => {
    answer(usual({ [LOGS]: () => new Promise(() => undefined) }));
    await show();
    expect(screen.getByRole("status", { name: "Loading rows" })).toBeInTheDocument();
  });

  it("asks what the address says, and writes the filter back into it", async () => {
    const gateway = answer(usual());
    const { address } = await show("/requests?q=status:429+model:gpt-*");
    await screen.findByText("req-9");
    expect(gateway.calls.find((call) => call.path === "/api/dashboard/logs")?.search).toMatch(/status=429.*model=gpt-|model=gpt-.*status=429/);
    fireEvent.click(screen.getByRole("button", { name: "Remove filter status:429" }));
    await waitFor(() => expect(decodeURIComponent(address())).toContain("q=model:gpt-*"));
    const box = screen.getByRole("combobox", { name: "Filter" });
    fireEvent.change(box, { target: { value: "failed:yes" } });
    fireEvent.submit(box);
    await waitFor(() => expect(decodeURIComponent(address())).toContain("failed:yes"));
  });

  it("says what cannot be asked for, and takes it away", async () => {
    answer(usual());
    const { address } = await show("/requests?q=-model:a+status:429");
    fireEvent.click(await screen.findByRole("button", { name: "Remove" }));
    await waitFor(() => expect(address()).toBe("/requests?q=status:429"));
  });

  it("says which filter to remove, and what that would show", async () => {
    answer(usual({ [LOGS]: logPage([]) }));
    const { address } = await show("/requests?q=status:429+provider:x");
    await screen.findByText("Remove provider:x to see 214.");
    fireEvent.click(screen.getByRole("button", { name: "Remove provider:x" }));
    await waitFor(() => expect(address()).toBe("/requests?q=status:429"));
  });

  it("says why it is empty, and what to do", async () => {
    answer(usual({ [LOGS]: logPage([]) }));
    const { address } = await show();
    await screen.findByText("No requests in this range");
    fireEvent.click(screen.getByRole("button", { name: "Look at 7 days" }));
    await waitFor(() => expect(address()).toBe("/requests?range=7d"));
    fireEvent.click(await screen.findByRole("button", { name: "Send one in the playground" }));
    await waitFor(() => expect(address()).toBe("/playground"));
  });

  it("says that no log is kept", async () => {
    answer(usual({ [LOGS]: () => json(404, { error: "no_request_log", message: "set request-log.max-rows" }) }));
    await show();
    await screen.findByText("No request log is kept");
    expect(screen.getByText("set request-log.max-rows")).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Config" })).toBeInTheDocument();
  });

  it("says when it may not be seen, and when the gateway failed, and tries again", async () => {
    let status = 403;
    answer(usual({ [LOGS]: () => (status === 200 ? json(200, logPage([entry(3)])) : json(status, { error: "forbidden", message: "not this session" })) }));
    await show();
    await screen.findByText(/This session may not do that/);
    status = 200;
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByText("req-3");
  });

  it("opens a request in the drawer, and the address says so; J goes on; Esc closes", async () => {
    answer(usual({ "GET /api/dashboard/logs/req-9": detail(), "GET /api/dashboard/logs/req-8": detail({ outcome: "The other one." }) }));
    const { address } = await show();
    fireEvent.click(await screen.findByText("req-9"));
    await screen.findByText(/^Streamed 34 tokens/);
    expect(address()).toContain("id=req-9");
    fireEvent.click(screen.getByRole("button", { name: "Next row (J)" }));
    await screen.findByText("The other one.");
    expect(address()).toContain("id=req-8");
    fireEvent.click(screen.getByRole("tab", { name: /Loss/ }));
    fireEvent.mouseDown(screen.getByRole("tab", { name: /Loss/ }), { button: 0 });
    await waitFor(() => expect(address()).toContain("tab=loss"));
    fireEvent.click(screen.getByRole("button", { name: "Close" }));
    await waitFor(() => expect(address()).toBe("/requests"));
  });

  it("copies the id of the row that has the focus with c", async () => {
    const writeText = vi.fn().mockResolvedValue(undefined);
    Object.defineProperty(navigator, "clipboard", { value: { writeText }, configurable: true });
    answer(usual());
    await show();
    await screen.findByText("req-9");
    fireEvent.keyDown(row("req-9"), { key: "c" });
    await screen.findByText("Request id copied");
    expect(writeText).toHaveBeenCalledWith("req-9");
  });

  it("compares two that were picked", async () => {
    answer(usual({ "GET /api/dashboard/logs/req-9": detail(), "GET /api/dashboard/logs/req-8": detail({ entry: entry(8, { credential: "other" }) }) }));
    const { address } = await show();
    await screen.findByText("req-9");
    const compare = () => screen.getByRole("button", { name: /^Compare/ });
    expect(compare()).toBeDisabled();
    fireEvent.click(screen.getByRole("checkbox", { name: "Pick req-9 to compare" }));
    fireEvent.click(screen.getByRole("checkbox", { name: "Pick req-8 to compare" }));
    fireEvent.click(compare());
    const dialog = await screen.findByRole("dialog", { name: "Two requests side by side" });
    await within(dialog).findByRole("row", { name: /Credential openai-main other differs/ });
    expect(within(dialog).getByRole("row", { name: /^Stream yes yes$/ })).toBeInTheDocument();
    expect(address()).toContain("compare=req-9");
    fireEvent.click(within(dialog).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(address()).toBe("/requests"));
    fireEvent.click(screen.getByRole("button", { name: "Clear" }));
    expect(screen.getByRole("checkbox", { name: "Pick req-9 to compare" })).not.toBeChecked();
  });

  it("exports what is filtered, in both forms", async () => {
    const links: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function click(this: HTMLAnchorElement) {
      links.push(this.getAttribute("href") ?? "");
    });
    answer(usual());
    await show("/requests?q=failed:yes");
    await screen.findByText("req-9");
    for (const name of [/JSON lines/, /Table/]) {
      fireEvent.pointerDown(screen.getByRole("button", { name: "Export" }), { button: 0 });
      fireEvent.click(await screen.findByRole("menuitem", { name }));
    }
    expect(links).toHaveLength(2);
    expect(links[0]).toMatch(/^\/api\/dashboard\/logs\/export\?failed=true&from=\d+&to=\d+&as=jsonl$/);
    expect(links[1]).toContain("as=csv");
  });

  it("narrows the range by a bar, and by several with the keyboard", async () => {
    answer(usual());
    const { address } = await show();
    const bars = await screen.findByRole("group", { name: /Requests over time/ });
    const [first, second] = within(bars).getAllByRole("button");
    fireEvent.keyDown(first!, { key: "ArrowRight", shiftKey: true });
    fireEvent.click(second!);
    await waitFor(() => expect(address()).toContain("range=1764000000000-1764000019999"));
  });
});

describe("live rows", () => {
  const live = (seq: number, change = {}) => act(() => useLive.getState().takeRows("request_log", [{ seq, data: entry(seq, change) }], Date.now()));

  it("flow in at the top, those that match", async () => {
    answer(usual());
    await show("/requests?q=model:gpt-*");
    await screen.findByText("req-9");
    live(10);
    live(11, { model: "claude" });
    expect(rowIds()).toEqual(["req-10", "req-9", "req-8", "req-7"]);
  });

  it("wait while a row has the focus, are counted, and come when asked for", async () => {
    answer(usual());
    await show();
    await screen.findByText("req-9");
    act(() => row("req-8").focus());
    live(10);
    live(11);
    expect(rowIds()).toEqual(["req-9", "req-8", "req-7"]);
    fireEvent.click(screen.getByRole("button", { name: "2 new" }));
    expect(rowIds()).toEqual(["req-11", "req-10", "req-9", "req-8", "req-7"]);
  });

  it("show those in progress on top, which turn into their rows", async () => {
    answer(usual());
    await show();
    await screen.findByText("req-9");
    const running = { request_id: "req-10", started: Date.now(), format: "chat", model: "slow", stream: true, attempts: 1, credential: "c", served_model: null, first_content_ms: 5, pieces: 3, bytes_out: 9 };
    act(() => useLive.getState().takeStates(new Map([["running", { total: 1, requests: [running] }]]), Date.now()));
    expect(within(row("req-10")).getByText("running")).toBeInTheDocument();
    expect(within(row("req-10")).getByText("3 pieces")).toBeInTheDocument();
    const before = row("req-10").dataset.key;
    live(10);
    expect(within(row("req-10")).getByText("200 OK")).toBeInTheDocument();
    expect(row("req-10").dataset.key).toBe(before);
    expect(rowIds().filter((id) => id === "req-10")).toHaveLength(1);
  });

  it("say where some are missing, and load them when asked to", async () => {
    const gateway = answer(usual({ [LOGS]: (request) => (new URL(request.url).searchParams.has("after") ? logPage([entry(310)]) : logPage([entry(9)])) }));
    await show();
    await screen.findByText("req-9");
    live(400);
    act(() => useLive.getState().setMissing("request_log", [{ from: 10, to: 399 }]));
    expect(screen.getByText("390 rows not shown live")).toBeInTheDocument();
    fireEvent.click(screen.getByRole("button", { name: "Load them" }));
    await waitFor(() => expect(gateway.calls.some((call) => call.search.includes("after=9") && call.search.includes("before=400"))).toBe(true));
  });

  it("load all that are missing, however many pages they take", async () => {
    // As the gateway does: those between the two numbers, the newest first, so many at a time.
    answer({
      [LOGS]: (request) => {
        const asked = new URL(request.url).searchParams;
        const [after, before, limit] = ["after", "before", "limit"].map((name) => Number(asked.get(name)));
        const between = Array.from({ length: before! - after! - 1 }, (_, at) => entry(before! - 1 - at));
        return logPage(between.slice(0, limit));
      },
    });
    const rows = await fetchSpan({ from: 10, to: 470 });
    expect(rows.map((row) => row.seq).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 461 }, (_, at) => 10 + at));
  });
});
