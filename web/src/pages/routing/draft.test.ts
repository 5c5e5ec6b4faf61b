import { beforeEach, describe, expect, it } from "vitest";

import { changeOf, draftOf, moved, names, useDraft } from "./draft";
import { RULES } from "./rules.testdata";

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

  it("are to be decided where two have changed the same, and lose neither", () => {
    useDraft.getState().start(RULES);
    useDraft.getState().edit({ strategy: "weighted", rewrites: [] });
    const theirs = { ...RULES, version: "v2", strategy: "fill-first", model_rewrites: [{ ...RULES.model_rewrites[0]!, to: "z" }] };
    useDraft.getState().rebase(theirs);
    expect(useDraft.getState().conflicts.map(({ name }) => name)).toEqual(["rewrites", "strategy"]);
    // Another change of the file, before anything was decided.
    useDraft.getState().rebase({ ...theirs, version: "v3", fallbacks: [] });
    expect(useDraft.getState().conflicts.map(({ name, before, theirs: other, mine }) => [name, before.strategy, other.strategy, mine.strategy])).toEqual([
      ["rewrites", RULES.strategy, "fill-first", "weighted"],
      ["strategy", RULES.strategy, "fill-first", "weighted"],
    ]);
    useDraft.getState().decide(new Set(["rewrites"]));
    const { draft, base, conflicts } = useDraft.getState();
    expect(conflicts).toEqual([]);
    expect(changeOf(draft!, base!)).toEqual({ strategy: "weighted" });
    expect(draft?.rewrites[0]?.to).toBe("z");
  });

  it("read names as people write them", () => {
    expect(names(" a, b c,, ")).toEqual(["a", "b", "c"]);
    expect(moved([1, 2, 3], 0, 2)).toEqual([2, 3, 1]);
    expect(moved([1, 2], 1, 2)).toEqual([1, 2]);
  });
});
