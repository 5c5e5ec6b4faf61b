import { beforeEach, describe, expect, it } from "vitest";

import { changeOf, draftOf, moved, names, type Rules, undoOf, useDraft } from "./draft";

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

describe("edited rules", () => {
  beforeEach(() => useDraft.setState({ base: null, draft: null }));

  it("are no change as they come", () => {
    expect(changeOf(draftOf(RULES), RULES)).toBeNull();
  });

  it("say only what differs, and lists as a whole", () => {
    const draft = draftOf(RULES);
    const change = changeOf({ ...draft, strategy: "weighted", retry: { ...draft.retry, max_retries: "5", cooldown_429_secs: "" }, rewrites: moved(draft.rewrites, 1, 0) }, RULES);
    expect(change).toEqual({
      strategy: "weighted",
      retry: { max_retries: 5, cooldown_429_secs: null },
      model_rewrites: [
        { from: "b*", to: "y" },
        { from: "a", to: "x" },
      ],
    });
    expect(undoOf(change!, RULES)).toEqual({ strategy: "round-robin", retry: { max_retries: 2, cooldown_429_secs: 60 }, model_rewrites: RULES.model_rewrites });
  });

  it("have payload rules by kind", () => {
    const draft = draftOf(RULES);
    expect(draft.payload.override[0]?.known).toEqual({ place: "payload.override[0]", remark: "there is no credential of gemini" });
    expect(changeOf({ ...draft, payload: { ...draft.payload, override: [] } }, RULES)).toEqual({ payload: { override: [] } });
  });

  it("stay when somebody else changes other rules", () => {
    useDraft.getState().start(RULES);
    useDraft.getState().edit({ strategy: "weighted" });
    const theirs = { ...RULES, version: "v2", fallbacks: [], retry: { ...RULES.retry, max_retries: 7 } };
    useDraft.getState().rebase(theirs);
    const { draft, base } = useDraft.getState();
    expect(changeOf(draft!, base!)).toEqual({ strategy: "weighted" });
    expect(draft?.retry.max_retries).toBe("7");
    expect(draft?.fallbacks).toEqual([]);
  });

  it("read names as people write them", () => {
    expect(names(" a, b c,, ")).toEqual(["a", "b", "c"]);
    expect(moved([1, 2, 3], 0, 2)).toEqual([2, 3, 1]);
    expect(moved([1, 2], 1, 2)).toEqual([1, 2]);
  });
});
