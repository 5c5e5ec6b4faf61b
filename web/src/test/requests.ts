/** Made-up rows of the request log, for component tests. */
import type { CaptureView, Entry, LogDetail } from "../ui/request/data";

export function entry(seq: number, change: Partial<Entry> = {}): Entry {
  return {
    seq,
    timestamp: Date.now() - 1_000,
    request_id: `req-${seq}`,
    endpoint: "inference",
    method: "POST",
    path: "/v1/chat/completions",
    format: "chat",
    stream: true,
    status: 200,
    failed: false,
    client_left: false,
    error: null,
    error_code: null,
    stop: "stop",
    model: "gpt-x",
    served_model: "gpt-x",
    provider: "openai",
    credential: "openai-main",
    upstream_format: "messages",
    relayed: false,
    key: "app",
    attempts: 1,
    latency_ms: 1240,
    first_content_ms: 84,
    overhead_ms: 1,
    input_tokens: 12,
    output_tokens: 34,
    cache_read_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    usage_estimated: false,
    cost: "0.0012",
    bytes_out: 100,
    config: "abc/1",
    ...change,
  };
}

export function logPage(items: Entry[], change: object = {}) {
  return { items, before: null, after: null, newest: items[0]?.seq ?? 0, retention: { max_rows: 10_000, days: 7, oldest: null }, ...change };
}

export function logStats(total: number) {
  const totals = {
    total_entries: total, error_count: 0, error_rate: 0, requests_per_second: 0, tokens_per_second: 0, avg_latency_ms: null, p50_latency_ms: null, p95_latency_ms: null,
    p99_latency_ms: null, p50_first_content_ms: null, p95_first_content_ms: null, input_tokens: 0, output_tokens: 0, total_tokens: 0, total_cost: "0",
  };
  const point = (at: number, requests: number) => ({ at, requests, failed: 0, input_tokens: 0, output_tokens: 0, cost: "0", mean_ms: null, p50_ms: null, p95_ms: null, p99_ms: null, first_content_p50_ms: null, first_content_p95_ms: null });
  return { ...totals, from: 1_764_000_000_000, to: 1_764_000_030_000, step: 10, previous: totals, series: [point(1_764_000_000_000, total), point(1_764_000_010_000, 0), point(1_764_000_020_000, 0)], models: [], providers: [], credentials: [], keys: [], errors: [], statuses: [] };
}

export const LOG_NAMES = { models: ["gpt-x"], served_models: [], providers: ["openai"], credentials: [], keys: [], errors: [], formats: [], upstream_formats: [], endpoints: [] };

const body = (text: string, change: object = {}) => ({ headers: [{ name: "user-agent", value: "sdk <1>" }], body: text, size: text.length, kept: text.length, ...change });

export const REQUEST_BODY = JSON.stringify({ model: "gpt-x", stream: true, messages: [{ role: "user", content: "Hi <script>alert(1)</script>" }] });

export function captureView(change: Partial<CaptureView> = {}): CaptureView {
  return {
    taken: 0,
    format: "chat",
    path: "/v1/chat/completions",
    stream: true,
    status: 200,
    request: body(REQUEST_BODY),
    answer: body(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "<b>Hello</b>" }, finish_reason: "stop" }] })}\n\n`),
    attempts: [
      {
        attempt: 1, start_ms: 1, provider: "anthropic", credential: "anthropic-main", format: "messages", model: "claude", method: "POST", url: "https://up.example/v1/messages", status: 200,
        request: body('{"model":"claude"}'),
        answer: body(`data: ${JSON.stringify({ type: "message_delta", delta: { stop_reason: "end_turn" } })}\n\n`, { size: 4096 }),
      },
    ],
    ...change,
  };
}

export function detail(change: Partial<LogDetail> = {}): LogDetail {
  return {
    entry: entry(7),
    outcome: "Streamed 34 tokens from gpt-x through openai-main in 1.24 s after openai-2 answered 429.",
    timeline: [
      { name: "total", kind: "total", start_ms: 0, duration_ms: 1240, attempt: null, status: null, error: null, estimated: false },
      { name: "openai-2", kind: "attempt", start_ms: 1, duration_ms: 50, attempt: 1, status: 429, error: "rate_limit", estimated: true },
      { name: "backoff", kind: "backoff", start_ms: 51, duration_ms: 100, attempt: 2, status: null, error: null, estimated: true },
    ],
    attempts: [
      { provider: "openai", credential: "openai-2", model: "gpt-x", status: 429, error: "rate_limit", error_code: null, seconds: 0.05, mutations: [] },
      { provider: "openai", credential: "openai-main", model: "gpt-x", status: 200, error: null, error_code: null, seconds: 1.1, mutations: [{ cause: "payload.default[0]", pointer: "/temperature" }] },
    ],
    candidates: [
      { credential: "openai-2", model: "gpt-x" },
      { credential: "openai-main", model: "gpt-x" },
      { credential: "openai-3", model: "gpt-x" },
    ],
    rejections: [{ credential: "gemini", reason: "model_not_supported", requested: "" }],
    ledger: [{ action: "dropped", code: "L7", pointer: "/logit_bias", detail: "no such thing there", reported: true }],
    upstream_status: null,
    retry_after: null,
    breach: null,
    captured: false,
    capture: null,
    hint: "the bodies of this request were not kept; capture.enabled: true in the configuration keeps those",
    ...change,
  };
}
