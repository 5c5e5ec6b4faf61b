import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { useLive } from "../../live/live";
import { answer, type Answer, json } from "../../test/gateway";
import { plots } from "../../test/plot";
import { renderPage } from "../../test/render";
import { EMPTY, FLOWS, health, overview, totals } from "./fixture";
import { Page } from "./index";

vi.mock("uplot", async () => ({ default: (await import("../../test/plot")).FakePlot }));

const OVERVIEW = "GET /api/dashboard/overview";
const FLOW = "GET /api/dashboard/metrics/flow";
const TEST = "POST /api/dashboard/playground/chat";

const show = (answers: Record<string, Answer> = {}, at = "/") => {
  const gateway = answer({ [OVERVIEW]: overview(), [FLOW]: FLOWS, "POST /api/dashboard/ws-ticket": json(503, { error: "x", message: "no" }), ...answers });
  return renderPage(<Page />, { path: "/", at }).then((page) => ({ ...page, gateway }));
};

const asked = (calls: { path: string }[], path: string) => calls.filter((call) => call.path === path).length;

function events(...pieces: string[]): Response {
  const body = pieces.map((text) => `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`).join("");
  return new Response(`${body}data: [DONE]\n\n`, { status: 200, headers: { "content-type": "text/event-stream", "x-request-id": "req-77" } });
}

beforeEach(() => {
  plots.length = 0;
});

describe("with traffic", () => {
  it("says in one line how the gateway is, with the window of the number", async () => {
    await show();
    const verdict = await screen.findByRole("region", { name: "Health" });
    expect(verdict).toHaveTextContent("Degraded");
    expect(verdict).toHaveTextContent("spare (rate_limit) cooling down; 1 of 2 answer.");
    expect(verdict).toHaveTextContent("10 % errors · Last 15 min");
    expect(within(verdict).getByRole("link", { name: "Providers" })).toHaveAttribute("href", "/providers");
  });

  it("has four numbers with their window and the change against before", async () => {
    await show();
    const requests = await screen.findByRole("region", { name: "Requests" });
    expect(requests).toHaveTextContent("0.1/s");
    expect(requests).toHaveTextContent("Last 15 min");
    expect(requests).toHaveTextContent("+100 % against before");
    expect(requests).toHaveTextContent("90 in all · 3 in flight");
    expect(screen.getByRole("region", { name: "Error rate" })).toHaveTextContent("9 of 90 failed");
    expect(screen.getByRole("region", { name: "First token, p50 / p95" })).toHaveTextContent("84 ms / 310 ms");
    expect(screen.getByRole("region", { name: "Tokens generated" })).toHaveTextContent("cost $0.01234");
    act(() => useLive.setState({ states: { metrics: { in_flight: 41 } } }));
    expect(requests).toHaveTextContent("41 in flight");
  });

  it("draws both charts with one cursor, and as tables", async () => {
    await show();
    await screen.findByRole("img", { name: /Requests per second, Last 15 min: mean 0.2\/s, peak 0.2\/s/ });
    expect(plots.map((plot) => plot.options.cursor.sync?.key)).toEqual(["overview", "overview"]);
    const latency = screen.getByRole("region", { name: "Latency" });
    await userEvent.click(within(latency).getByRole("button", { name: "View as table" }));
    expect(within(latency).getAllByRole("row").length).toBeGreaterThan(50);
  });

  it("offers the requests of what was dragged over, and to narrow the range to it", async () => {
    const page = await show();
    await screen.findByText(/Drag over a chart/);
    act(() => plots[0]!.drag(60, 120));
    const link = await screen.findByRole("link", { name: "Show these requests" });
    const first = plots[0]!.data[0]![0]! * 1000;
    expect(link).toHaveAttribute("href", `/requests?range=${first + 60_000}-${first + 120_000}`);
    await userEvent.click(screen.getByRole("button", { name: "Clear the selection" }));
    expect(screen.queryByRole("link", { name: "Show these requests" })).toBeNull();
    act(() => plots[1]!.drag(60, 120));
    await userEvent.click(screen.getByRole("button", { name: "Narrow the range" }));
    expect(page.address()).toBe(`/?range=${first + 60_000}-${first + 120_000}`);
    await waitFor(() => expect(page.gateway.calls.at(-1)?.search).toContain(`to=${first + 120_000}`));
  });

  it("does not take a click for a selection", async () => {
    await show();
    await screen.findByText(/Drag over a chart/);
    act(() => plots[0]!.drag(60, 62));
    expect(screen.queryByRole("link", { name: "Show these requests" })).toBeNull();
  });

  it("tells the marks of the charts in words", async () => {
    await show();
    await userEvent.click(await screen.findByRole("button", { name: "2 events" }));
    const list = await screen.findByRole("dialog", { name: "Events in this range" });
    expect(list).toHaveTextContent("spare cools down: rate_limit.");
    expect(list).toHaveTextContent("The configuration was read anew and is in force.");
  });

  it("has a card for each group of credentials, with the time until it is back", async () => {
    await show();
    const strip = await screen.findByRole("region", { name: "Providers" });
    expect(within(strip).getAllByRole("listitem")).toHaveLength(2);
    expect(strip).toHaveTextContent(/rate_limit, back in 0:3\d/);
    expect(within(strip).getByRole("img", { name: "spare, Last 15 min: 4 requests, 4 failed" })).toBeInTheDocument();
    expect(within(strip).getByRole("link", { name: "anthropic-main" })).toHaveAttribute("href", "/providers?id=c1");
  });

  it("shows where traffic goes, as a picture and as a table whose numbers are links", async () => {
    await show();
    await screen.findByRole("img", { name: /93 requests, Last 15 min, by client format, model and provider. The most: 80 from chat for sonnet to anthropic-main; 10 from chat for no model read to none./ });
    const flow = screen.getByRole("region", { name: "Where traffic goes" });
    expect(flow).toHaveTextContent("3 more requests went other ways.");
    await userEvent.click(within(flow).getByRole("button", { name: "View as table" }));
    expect(within(flow).getByRole("link", { name: "80" })).toHaveAttribute("href", "/requests?range=15m&q=format:chat+model:sonnet+credential:anthropic-main");
    await userEvent.click(within(flow).getByRole("button", { name: "View as picture" }));
    expect(within(flow).getByRole("img")).toBeInTheDocument();
  });

  it("groups the last errors, each a link to its requests", async () => {
    await show({}, "/?range=1h");
    const errors = await screen.findByRole("region", { name: "Last errors" });
    const link = within(errors).getByRole("link");
    expect(link).toHaveTextContent("12×");
    expect(new URL(link.getAttribute("href") ?? "", "http://x").searchParams.get("q")).toBe('status:429 error:rate_limit credential:spare model:"a model"');
    expect(new URL(link.getAttribute("href") ?? "", "http://x").searchParams.get("range")).toBe("1h");
  });

  it("writes names from outside as text", async () => {
    await show({ [OVERVIEW]: overview({ errors: [{ error: "<b>x</b>", status: 500, credential: "", model: "<img src=x onerror=alert(1)>", count: 1, newest: null }] }) });
    expect(await screen.findByText(/<img src=x onerror=alert\(1\)>/)).toBeInTheDocument();
    expect(document.querySelector("main img, section img")).toBeNull();
  });

  it("asks anew when a request has come in, and not while paused", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const { gateway } = await show();
    await screen.findByRole("region", { name: "Health" });
    const row = (seq: number) => act(() => useLive.getState().takeRows("request_log", [{ seq, data: {} }], Date.now()));
    const before = asked(gateway.calls, "/api/dashboard/overview");
    row(1);
    await waitFor(() => expect(asked(gateway.calls, "/api/dashboard/overview")).toBe(before + 1));
    act(() => useLive.getState().setPaused(true));
    row(2);
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect(asked(gateway.calls, "/api/dashboard/overview")).toBe(before + 1);
    act(() => useLive.getState().setPaused(false));
    await act(() => vi.advanceTimersByTimeAsync(3_000));
    expect(asked(gateway.calls, "/api/dashboard/overview")).toBe(before + 2);
  });
});

describe("before the first request", () => {
  it("shows base URLs and commands for each kind of client, and keeps the choice in the address", async () => {
    const page = await show({ [OVERVIEW]: EMPTY });
    expect(await screen.findByText("http://gate:8317/v1")).toBeInTheDocument();
    expect(screen.getByRole("region", { name: "Command to try it" })).toHaveTextContent("curl http://gate:8317/v1/chat/completions");
    expect(screen.getByText("No key is needed from this machine.")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("tab", { name: "Gemini" }));
    expect(screen.getByRole("region", { name: "Command to try it" })).toHaveTextContent("/v1beta/models/echo:generateContent");
    expect(page.address()).toBe("/?client=gemini");
    expect(screen.getByRole("button", { name: "Copy the base URL" })).toBeInTheDocument();
    expect(screen.queryByRole("region", { name: "Requests" })).toBeNull();
  });

  it("has the key in the command where one is needed", async () => {
    await show({ [OVERVIEW]: { ...EMPTY, key_needed: true } }, "/?client=anthropic");
    expect(await screen.findByRole("region", { name: "Command to try it" })).toHaveTextContent('-H "x-api-key: $AIGW_API_KEY"');
    expect(screen.getByRole("link", { name: "Make a key" })).toHaveAttribute("href", "/keys?add=1");
  });

  it("sends a test request, shows the answer in place, and stays until it is closed", async () => {
    let sent = false;
    const { gateway } = await show({
      [OVERVIEW]: () => (sent ? overview() : EMPTY),
      [TEST]: () => {
        sent = true;
        return events("Hello", " there");
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Send a test request" }));
    expect(await screen.findByText(/It works: status 200, first token after/)).toBeInTheDocument();
    expect(screen.getByLabelText("Answer")).toHaveTextContent("Hello there");
    expect(screen.getByRole("link", { name: "Open this request" })).toHaveAttribute("href", "/requests/req-77");
    expect(gateway.calls.find((call) => call.path.endsWith("/playground/chat"))?.body).toMatchObject({ model: "echo", stream: true });
    await screen.findByRole("region", { name: "Requests" });
    await userEvent.click(screen.getByRole("button", { name: "Close" }));
    expect(screen.queryByLabelText("Answer")).toBeNull();
  });

  it("says why a test request did not work, and lets it be sent again", async () => {
    let times = 0;
    await show({
      [OVERVIEW]: EMPTY,
      [TEST]: () => ((times += 1) === 1 ? json(404, { error: { message: "no provider serves 'echo'", type: "not_found" } }) : events("ok")),
    });
    await userEvent.click(await screen.findByRole("button", { name: "Send a test request" }));
    expect(await screen.findByText("It did not work: no provider serves 'echo'")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Send another" }));
    expect(await screen.findByText(/It works/)).toBeInTheDocument();
  });

  it("tells an error inside the stream", async () => {
    await show({ [OVERVIEW]: EMPTY, [TEST]: () => new Response('data: {"error":{"message":"overloaded"}}\n\n', { status: 200 }) });
    await userEvent.click(await screen.findByRole("button", { name: "Send a test request" }));
    expect(await screen.findByText("It did not work: overloaded")).toBeInTheDocument();
  });

  it("stops one that is under way", async () => {
    const gateway = answer({ [OVERVIEW]: EMPTY });
    const plain = fetch;
    vi.stubGlobal("fetch", (input: Request, init?: RequestInit) =>
      input.url.endsWith("/playground/chat")
        ? new Promise((_, reject) => input.signal.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError"))))
        : plain(input, init),
    );
    await renderPage(<Page />);
    await userEvent.click(await screen.findByRole("button", { name: "Send a test request" }));
    await userEvent.click(await screen.findByRole("button", { name: "Stop" }));
    expect(await screen.findByText(/Stopped after/)).toBeInTheDocument();
    expect(gateway.unknown).not.toContain(TEST);
  });
});

describe("other states", () => {
  it("holds its place while it loads", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    await renderPage(<Page />);
    expect(screen.getByRole("status", { name: "Loading" })).toBeInTheDocument();
  });

  it("says what went wrong, and tries again", async () => {
    let times = 0;
    await show({ [OVERVIEW]: () => ((times += 1) === 1 ? json(403, { error: "forbidden", message: "this needs the role operator" }) : overview()) });
    expect(await screen.findByRole("alert")).toHaveTextContent("This session may not do that. this needs the role operator");
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("region", { name: "Health" })).toBeInTheDocument();
  });

  it("keeps what it had when the gateway goes away, and says so", async () => {
    let away = false;
    await show({ [OVERVIEW]: () => (away ? json(503, { error: "gone", message: "gone" }) : overview()) });
    await screen.findByRole("region", { name: "Health" });
    away = true;
    act(() => useLive.getState().takeRows("request_log", [{ seq: 1, data: {} }], Date.now()));
    expect(await screen.findByText(/Shown is what was known at/)).toBeInTheDocument();
    expect(screen.getByRole("region", { name: "Requests" })).toBeInTheDocument();
  });

  it("has one part fail alone", async () => {
    await show({ [FLOW]: json(503, { error: "log_unavailable", message: "the disk is full" }) });
    const flow = await screen.findByRole("region", { name: "Where traffic goes" });
    expect(await within(flow).findByRole("alert")).toHaveTextContent("the disk is full");
    expect(screen.getByRole("region", { name: "Last errors" })).toHaveTextContent("rate_limit");
  });

  it("says when there was nothing in the range, and leads to where there was", async () => {
    const page = await show({ [OVERVIEW]: overview({ now: totals({ total_entries: 0, error_rate: null }), marks: [], errors: [], credentials: [{ health: health(), totals: null, requests: [], failed: [] }] }) });
    expect(await screen.findByText("No request in this range")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Show the last 24 hours" }));
    expect(page.address()).toBe("/?range=24h");
  });

  it("says why there are no numbers without a log", async () => {
    await show({ [OVERVIEW]: overview({ now: null, previous: null, series: [], problem: "no request log is kept: request-log.max-rows is 0" }) });
    expect(await screen.findByText(/Numbers over time are missing: no request log is kept/)).toBeInTheDocument();
    expect(screen.getByRole("region", { name: "Providers" })).toHaveTextContent("anthropic-main");
  });
});
