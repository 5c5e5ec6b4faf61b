/** Rules as the gateway gives them, for tests. */
import type { Rules } from "./draft";

export const RULES: Rules = {
  strategy: "round-robin",
  request_retry: 2,
  max_retry_interval: 30,
  retry: { max_retries: 2, max_backoff_secs: 30, cooldown_429_secs: 60, cooldown_5xx_secs: 15, cooldown_network_secs: 10, bootstrap_retries: null },
  fallbacks: [{ model: "gpt-*", to: ["claude", "gemini"] }],
  model_rewrites: [
    { from: "a", to: "x" },
    { from: "b*", to: "y" },
  ],
  provider_pins: [],
  force_model_prefix: false,
  payload: [{ kind: "override", index: 0, source: "payload.override[0]", line: 9, can_match: false, remark: "there is no credential of gemini", models: [{ name: "*", protocol: "gemini", from_protocol: null, headers: {}, match: {}, not_match: {}, exist: [], not_exist: [] }], params: { a: 1 } }],
  version: "v1",
};
