/** What the gateway would answer, for the tests of this page. */
import type { Schemas } from "../../api/client";
import type { Overview } from "./useOverview";

export const TO = Date.UTC(2026, 10, 23, 12, 5, 0);
const STEP = 15;

export function totals(change: Partial<Schemas["Totals"]> = {}): Schemas["Totals"] {
  return {
    total_entries: 90,
    error_count: 9,
    error_rate: 0.1,
    requests_per_second: 0.1,
    tokens_per_second: 12,
    avg_latency_ms: 500,
    p50_latency_ms: 400,
    p95_latency_ms: 1200,
    p99_latency_ms: 2000,
    p50_first_content_ms: 84,
    p95_first_content_ms: 310,
    input_tokens: 1000,
    output_tokens: 10_800,
    total_tokens: 11_800,
    total_cost: "0.01234",
    ...change,
  };
}

export function health(change: Partial<Schemas["CredentialHealth"]> = {}): Schemas["CredentialHealth"] {
  return { id: "c1", name: "anthropic-main", provider: "claude", state: "ok", model: null, cause: null, until: null, in_flight: 2, ...change };
}

const times = Array.from({ length: 60 }, (_, at) => TO - (60 - at) * STEP * 1000);

export function overview(change: Partial<Overview> = {}): Overview {
  return {
    window: 900,
    to: TO,
    step: STEP,
    health: { status: "degraded", verdict: "Degraded: spare (rate_limit) cooling down; 1 of 2 answer.", credentials: [] },
    in_flight: 3,
    now: totals(),
    previous: totals({ requests_per_second: 0.05, error_rate: 0.2 }),
    series: times.map((at) => ({ at, requests: 3, failed: 1, input_tokens: 10, output_tokens: 20, cost: "0", mean_ms: 5, p50_ms: 5, p95_ms: 9, p99_ms: 9, first_content_p50_ms: 3, first_content_p95_ms: 4 })),
    outcomes: times.map((at) => ({ at, ok: 2, client: 1, upstream: 0, gateway: 0, left: 0 })),
    credentials: [
      { health: health(), totals: totals(), requests: times.map(() => 1), failed: times.map(() => 0) },
      { health: health({ id: "c2", name: "spare", state: "cooling", cause: "rate_limit", until: Date.now() + 38_000 }), totals: totals({ total_entries: 4, error_count: 4 }), requests: times.map(() => 1), failed: times.map(() => 1) },
    ],
    errors: [{ error: "rate_limit", status: 429, credential: "spare", model: "a model", count: 12, newest: Date.now() - 60_000 }],
    marks: [
      { at: TO - 600_000, kind: "reload", credential: null, cause: null, count: 1 },
      { at: TO - 60_000, kind: "cooldown", credential: "spare", cause: "rate_limit", count: 1 },
    ],
    base_urls: { openai: "http://gate:8317/v1", anthropic: "http://gate:8317", gemini: "http://gate:8317" },
    key_needed: false,
    first_run: false,
    problem: null,
    ...change,
  };
}

export const EMPTY = overview({
  health: { status: "idle", verdict: "No provider is configured; only the built-in echo models answer.", credentials: [] },
  now: totals({ total_entries: 0, error_count: 0, error_rate: null, requests_per_second: 0 }),
  previous: null,
  series: [],
  outcomes: [],
  credentials: [],
  errors: [],
  marks: [],
  first_run: true,
});

export const FLOWS: Schemas["Flows"] = {
  from: TO - 900_000,
  to: TO,
  flows: [
    { format: "chat", model: "sonnet", credential: "anthropic-main", requests: 80, failed: 0, tokens: 12_400 },
    { format: "chat", model: "", credential: "", requests: 10, failed: 10, tokens: 0 },
  ],
  total: 93,
  other: 3,
};
