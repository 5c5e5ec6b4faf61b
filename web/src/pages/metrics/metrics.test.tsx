import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Schemas } from "../../api/client";
import { parseFilter } from "../../lib/filter";
import { useLive } from "../../live/live";
import { answer, type Answer, json } from "../../test/gateway";
import { plots } from "../../test/plot";
import { renderPage } from "../../test/render";
import { Page } from "./index";
import { FIELDS, fieldOf, toQuery } from "./query";
import { stretches } from "./series";
import { holding, used } from "./spread";

vi.mock("uplot", async () => ({ default: (await import("../../test/plot")).FakePlot }));

const SERIES = "GET /api/dashboard/metrics/series";
const SPREAD = "GET /api/dashboard/metrics/distributions";
const TO = Date.UTC(2026, 10, 23, 12, 5, 0);

function totals(requests: number): Schemas["Totals"] {
  return {
    total_entries: requests, error_count: 1, error_rate: 0.02, requests_per_second: requests / 900, tokens_per_second: 1, avg_latency_ms: 5, p50_latency_ms: 400, p95_latency_ms: 1200,
    p99_latency_ms: 2000, p50_first_content_ms: 84, p95_first_content_ms: 310, input_tokens: 12_400, output_tokens: 800, total_tokens: 13_200, total_cost: "1.5",
  };
}

function group(name: string, requests: number): Schemas["NamedSeries"] {
  const series = Array.from({ length: 15 }, (_, at) => ({
    at: TO - (15 - at) * 60_000, requests, failed: 1, input_tokens: 60, output_tokens: 120, cost: "0.01", mean_ms: 5, p50_ms: 40, p95_ms: 90, p99_ms: 99, first_content_p50_ms: 3, first_content_p95_ms: 7,
  }));
  return { name, totals: totals(requests), series };
}

const grouped = (change: Partial<Schemas["GroupedSeries"]> = {}): Schemas["GroupedSeries"] => ({ from: TO - 900_000, to: TO, step: 60, by: "model", groups: [group("sonnet", 60), group("", 6)], other: group("other", 2), ...change });

const spread: Schemas["Distributions"] = {
  uptime_seconds: 7384,
  distributions: [
    { name: "total", count: 10, mean_ms: 42, buckets: [{ over_ms: 0, up_to_ms: 10, count: 0 }, { over_ms: 10, up_to_ms: 50, count: 9 }, { over_ms: 50, up_to_ms: 100, count: 0 }, { over_ms: 100, up_to_ms: null, count: 1 }] },
    { name: "chunk_gap", count: 0, mean_ms: null, buckets: [{ over_ms: 0, up_to_ms: null, count: 0 }] },
  ],
};

const show = (answers: Record<string, Answer> = {}, at = "/metrics") => {
  const gateway = answer({ [SERIES]: grouped(), [SPREAD]: spread, ...answers });
  return renderPage(<Page />, { path: "/metrics", at }).then((page) => ({ ...page, gateway }));
};

const lastQuery = (calls: { path: string; search: string }[]) => new URLSearchParams(calls.findLast((call) => call.path.endsWith("/series"))?.search);

beforeEach(() => {
  plots.length = 0;
});

describe("series", () => {
  it("are drawn with one cursor, each with a sentence and as a table", async () => {
    await show();
    await screen.findByRole("img", { name: /^Requests per second by Model asked for, Last 15 min: sonnet 1\/s, \(none\) 0.1\/s, others 0.0333\/s\.$/ });
    expect(new Set(plots.map((plot) => plot.options.cursor.sync?.key))).toEqual(new Set(["metrics"]));
    expect(plots).toHaveLength(7);
    for (const name of ["Requests", "Error rate", "Whole requests, p95", "First token, p95", "Tokens generated", "Tokens read", "Cost"]) {
      const card = screen.getByRole("region", { name });
      expect(card).toHaveTextContent("Last 15 min");
      await userEvent.click(within(card).getByRole("button", { name: "View as table" }));
      expect(within(card).getAllByRole("row")).toHaveLength(16);
    }
    expect(screen.getByRole("region", { name: "Cost" })).toHaveTextContent("$0.60/h");
  });

  it("are told apart by what is chosen, which the address keeps", async () => {
    const { gateway, address } = await show();
    await userEvent.selectOptions(await screen.findByLabelText("By"), "Client key");
    expect(address()).toBe("/metrics?by=key");
    await waitFor(() => expect(lastQuery(gateway.calls).get("by")).toBe("key"));
    await userEvent.selectOptions(screen.getByLabelText("Percentile"), "p50");
    expect(address()).toBe("/metrics?by=key&p=p50");
    expect(await screen.findByRole("region", { name: "First token, p50" })).toHaveTextContent("3 ms");
  });

  it("are filtered as written, and say what cannot be asked", async () => {
    const { gateway, address } = await show({}, "/metrics?q=format:chat");
    await userEvent.type(await screen.findByRole("combobox", { name: "Filter" }), "status:5xx -model:x{Enter}");
    expect(address()).toBe("/metrics?q=format:chat+status:5xx+-model:x");
    await waitFor(() => expect(Object.fromEntries(lastQuery(gateway.calls))).toMatchObject({ format: "chat", status: "5xx" }));
    expect(screen.getByText(/These numbers cannot be filtered by -model:x/)).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Remove filter format:chat" }));
    await waitFor(() => expect(lastQuery(gateway.calls).has("format")).toBe(false));
  });

  it("lead to the requests of a dragged stretch, with the filter", async () => {
    const { address } = await show({}, "/metrics?q=format:chat");
    await screen.findByText(/Drag over a chart/);
    act(() => plots[3]!.drag(60, 120));
    const first = TO - 15 * 60_000;
    expect(await screen.findByRole("link", { name: "Show these requests" })).toHaveAttribute("href", `/requests?range=${first + 60_000}-${first + 120_000}&q=format:chat`);
    await userEvent.click(screen.getByRole("button", { name: "Narrow the range" }));
    expect(address()).toContain(`range=${first + 60_000}-${first + 120_000}`);
  });

  it("stand in a table by name, whose rows narrow the page and lead to requests", async () => {
    const { address } = await show();
    const table = await screen.findByRole("table");
    expect(within(table).getAllByRole("row")).toHaveLength(4);
    const link = within(table).getByRole("link", { name: "60: Show the requests of sonnet" });
    expect(link).toHaveAttribute("href", "/requests?q=model:sonnet&range=15m");
    expect(within(table).getAllByRole("link")).toHaveLength(1);
    await userEvent.click(within(table).getByRole("button", { name: "Only sonnet" }));
    expect(address()).toBe("/metrics?q=model:sonnet");
  });

  it("are asked for anew after a request", async () => {
    const { gateway } = await show();
    await screen.findByRole("table");
    const before = gateway.calls.length;
    act(() => useLive.getState().takeRows("request_log", [{ seq: 9, data: {} }], Date.now()));
    await waitFor(() => expect(gateway.calls.slice(before).map((call) => call.path)).toContain("/api/dashboard/metrics/series"));
  });
});

describe("distributions", () => {
  it("say what was measured since when, as bars and as a table", async () => {
    await show();
    await screen.findByRole("img", { name: /^Whole requests, without a stream: 10 measured · mean 42\sms · p50 ≤ 50\sms · p95 > 100\sms\.$/ });
    expect(screen.getByText(/since the gateway began, 2 h 3 m ago/)).toBeInTheDocument();
    expect(screen.getByText("Nothing measured yet.")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "View as table: Whole requests, without a stream" }));
    const table = screen.getByRole("region", { name: "Whole requests, without a stream" });
    expect(within(table).getAllByRole("row").map((row) => row.textContent.replace(/\s/g, " "))).toEqual(["TimeCountShare", "10 ms to 50 ms990 %", "50 ms to 100 ms00 %", "over 100 ms110 %"]);
  });

  it("have upper ends as far as buckets tell", () => {
    const { buckets } = spread.distributions[0]!;
    expect([0.5, 0.9, 0.95].map((share) => holding(buckets, share)?.up_to_ms)).toEqual([50, 50, null]);
    expect(holding([], 0.5)).toBeNull();
    expect(used(buckets)).toHaveLength(3);
    expect(used([])).toEqual([]);
  });
});

describe("other states", () => {
  it("hold their place while loading", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => undefined));
    await renderPage(<Page />, { path: "/metrics" });
    expect(screen.getByRole("status", { name: "Loading" })).toBeInTheDocument();
  });

  it("say that there was nothing, and what to do", async () => {
    const { address } = await show({ [SERIES]: grouped({ groups: [], other: null }) }, "/metrics?q=model:x");
    expect(await screen.findByText("No request matches the filter: Last 15 min.")).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Send a request" })).toHaveAttribute("href", "/playground");
    await userEvent.click(screen.getByRole("button", { name: "Show the last 24 hours" }));
    expect(address()).toBe("/metrics?q=model:x&range=24h");
    await userEvent.click(screen.getByRole("button", { name: "Remove the filter" }));
    expect(address()).toBe("/metrics?range=24h");
  });

  it("fail part by part, and try again", async () => {
    let times = 0;
    await show({ [SERIES]: () => ((times += 1) === 1 ? json(404, { error: "no_request_log", message: "no request log is kept" }) : grouped()) });
    expect(await screen.findByRole("alert")).toHaveTextContent("Without a request log there are no numbers over time.");
    expect(await screen.findByText("Whole requests, without a stream")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("table")).toBeInTheDocument();
  });

  it("keep old numbers and say since when they are old", async () => {
    let away = false;
    await show({ [SERIES]: () => (away ? json(502, { error: "gone", message: "gone" }) : grouped()) });
    await screen.findByRole("table");
    away = true;
    act(() => useLive.getState().takeRows("request_log", [{ seq: 9, data: {} }], Date.now()));
    expect(await screen.findByText(/Shown is what was known at/)).toBeInTheDocument();
    expect(screen.getByRole("table")).toBeInTheDocument();
  });
});

describe("what the gateway is asked", () => {
  const query = (text: string) => toQuery(parseFilter(text, FIELDS));

  it("is the filter, as far as it can be asked", () => {
    expect(query("model:gpt-* status:4xx stream:yes -failed:yes free text")).toEqual({ query: { model: "gpt-*", status: "4xx", stream: true, failed: false, text: "free text" }, left: [] });
    expect(query("served:x upstream:gemini").query).toEqual({ served_model: "x", upstream_format: "gemini" });
    expect([fieldOf("served_model"), fieldOf("status"), fieldOf("outcome")]).toEqual(["served", "status", null]);
    expect(query("model:a model:b -key:k status:teapot stream:perhaps")).toEqual({ query: { model: "a" }, left: ["model:b", "-key:k", "status:teapot", "stream:perhaps"] });
  });

  it("leaves a stretch out that has hardly begun", () => {
    expect(stretches(grouped({ to: TO - 60_000 + 10_000 })).times).toHaveLength(14);
    expect(stretches(grouped({ to: TO - 60_000 + 29_999 })).seconds.at(-1)).toBe(30);
    expect(stretches(grouped({ groups: [], other: null })).times).toEqual([]);
  });
});
