/** Rules while they are edited, and what of them differs from those in force. */
import { create } from "zustand";

import type { Schemas } from "../../api/client";

export type Rules = Schemas["RoutingRules"];
export type Change = Schemas["RoutingChange"];
export type Matcher = Schemas["MatcherIn"];

export const PAYLOAD_KINDS = ["default", "default-raw", "override", "override-raw", "filter"] as const;
export type PayloadKind = (typeof PAYLOAD_KINDS)[number];

export const RETRY_FIELDS = ["max_retries", "bootstrap_retries", "max_backoff_secs", "cooldown_429_secs", "cooldown_5xx_secs", "cooldown_network_secs"] as const;
export type RetryField = (typeof RETRY_FIELDS)[number];

/** A rule that is a pattern and where it leads. */
export type NameRow = { id: number; pattern: string; to: string };

export type PayloadRow = {
  id: number;
  models: readonly Matcher[];
  params: unknown;
  /** As the gateway judged the rule; it has not seen one that was edited since. */
  known: { place: string; remark: string | null } | null;
};

export type Draft = {
  strategy: string;
  forcePrefix: boolean;
  retry: Record<RetryField, string>;
  rewrites: readonly NameRow[];
  fallbacks: readonly NameRow[];
  pins: readonly NameRow[];
  payload: Record<PayloadKind, readonly PayloadRow[]>;
};

let nextId = 1;

export function newId(): number {
  nextId += 1;
  return nextId;
}

const asText = (value: number | null) => (value === null ? "" : String(value));

export function draftOf(rules: Rules): Draft {
  const row = (pattern: string, to: string): NameRow => ({ id: newId(), pattern, to });
  const payload = (kind: PayloadKind): PayloadRow[] =>
    rules.payload
      .filter((rule) => rule.kind === kind)
      .map((rule) => ({ id: newId(), models: rule.models, params: rule.params, known: { place: rule.source, remark: rule.can_match ? null : (rule.remark ?? "") } }));
  return {
    strategy: rules.strategy,
    forcePrefix: rules.force_model_prefix,
    retry: Object.fromEntries(RETRY_FIELDS.map((field) => [field, asText(rules.retry[field])])) as Record<RetryField, string>,
    rewrites: rules.model_rewrites.map((rule) => row(rule.from, rule.to)),
    fallbacks: rules.fallbacks.map((rule) => row(rule.model, rule.to.join(", "))),
    pins: rules.provider_pins.map((rule) => row(rule.model, rule.providers.join(", "))),
    payload: { default: payload("default"), "default-raw": payload("default-raw"), override: payload("override"), "override-raw": payload("override-raw"), filter: payload("filter") },
  };
}

/** `a, b c` as names. */
export function names(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** What is to be changed in the rules in force; `null` when nothing is. Lists go as a whole. */
export function changeOf(draft: Draft, rules: Rules): Change | null {
  const from = draftOf(rules);
  const change: Record<string, unknown> = {};
  if (draft.strategy !== from.strategy) change.strategy = draft.strategy;
  if (draft.forcePrefix !== from.forcePrefix) change.force_model_prefix = draft.forcePrefix;
  const retry = RETRY_FIELDS.filter((field) => draft.retry[field].trim() !== from.retry[field]);
  if (retry.length > 0) change.retry = Object.fromEntries(retry.map((field) => [field, draft.retry[field].trim() === "" ? null : Number(draft.retry[field])]));
  const lists = {
    model_rewrites: [draft.rewrites.map((row) => ({ from: row.pattern.trim(), to: row.to.trim() })), rules.model_rewrites],
    fallbacks: [draft.fallbacks.map((row) => ({ model: row.pattern.trim(), to: names(row.to) })), rules.fallbacks],
    provider_pins: [draft.pins.map((row) => ({ model: row.pattern.trim(), providers: names(row.to) })), rules.provider_pins],
  };
  for (const [name, [now, before]] of Object.entries(lists)) if (!same(now, before)) change[name] = now;
  const bare = (rows: readonly PayloadRow[]) => rows.map(({ models, params }) => ({ models, params }));
  const payload = PAYLOAD_KINDS.filter((kind) => !same(bare(draft.payload[kind]), bare(from.payload[kind])));
  if (payload.length > 0) change.payload = Object.fromEntries(payload.map((kind) => [kind.replace("-", "_"), bare(draft.payload[kind])]));
  return Object.keys(change).length === 0 ? null : change;
}

/** `items` with the one at `at` moved to `to`. */
export function moved<T>(items: readonly T[], at: number, to: number): readonly T[] {
  const item = items[at];
  if (item === undefined || to < 0 || to >= items.length || to === at) return items;
  const rest = items.filter((_, each) => each !== at);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

/** A part of the rules that is changed as a whole: a list, a choice, one number. */
export type Part = { group: "strategy" | "forcePrefix" | "rewrites" | "fallbacks" | "pins" } | { group: "retry"; key: RetryField } | { group: "payload"; key: PayloadKind };

/** A part that two have changed, each in another way. */
export type Conflict = { name: string; part: Part; before: Draft; theirs: Draft; mine: Draft };

const PARTS: readonly Part[] = [
  ...(["rewrites", "pins", "strategy", "forcePrefix", "fallbacks"] as const).map((group) => ({ group })),
  ...RETRY_FIELDS.map((key) => ({ group: "retry", key }) as const),
  ...PAYLOAD_KINDS.map((key) => ({ group: "payload", key }) as const),
];

export function valueOf(draft: Draft, part: Part): string | boolean | readonly NameRow[] | readonly PayloadRow[] {
  if (part.group === "retry") return draft.retry[part.key];
  return part.group === "payload" ? draft.payload[part.key] : draft[part.group];
}

/** `draft` with the part as it is in `from`. */
function withPart(draft: Draft, part: Part, from: Draft): Draft {
  if (part.group === "retry") return { ...draft, retry: { ...draft.retry, [part.key]: from.retry[part.key] } };
  if (part.group === "payload") return { ...draft, payload: { ...draft.payload, [part.key]: from.payload[part.key] } };
  return { ...draft, [part.group]: from[part.group] };
}

type Store = {
  /** The rules that the editing began with. */
  base: Rules | null;
  draft: Draft | null;
  /** To be decided before anything is saved; until then the draft has what was edited here. */
  conflicts: readonly Conflict[];
  start: (rules: Rules) => void;
  edit: (change: Partial<Draft>) => void;
  /** What was edited stays, over rules that somebody else has changed meanwhile. */
  rebase: (rules: Rules) => void;
  /** Decides all conflicts: the parts named are as the others have them. */
  decide: (theirs: ReadonlySet<string>) => void;
};

/** Kept while the dashboard is open: looking at another page loses nothing. */
export const useDraft = create<Store>()((set) => ({
  base: null,
  draft: null,
  conflicts: [],
  start: (rules) => set({ base: rules, draft: draftOf(rules), conflicts: [] }),
  edit: (change) => set(({ draft }) => ({ draft: draft === null ? null : { ...draft, ...change } })),
  rebase: (rules) =>
    set(({ base, draft, conflicts }) => {
      if (base === null || draft === null) return { base: rules, draft: draftOf(rules) };
      return { base: rules, ...rebased(draft, draftOf(base), draftOf(rules), conflicts) };
    }),
  decide: (theirs) =>
    set(({ draft, conflicts }) =>
      draft === null ? {} : { draft: conflicts.reduce((made, { name, part, theirs: other }) => (theirs.has(name) ? withPart(made, part, other) : made), draft), conflicts: [] },
    ),
}));

/** Part by part: mine where I have changed it, else theirs. What both have changed is to be decided. */
function rebased(mine: Draft, before: Draft, theirs: Draft, open: readonly Conflict[]): { draft: Draft; conflicts: Conflict[] } {
  const bare = (value: unknown): string => JSON.stringify(value, (key, each: unknown) => (key === "id" || key === "known" ? undefined : each));
  const differ = (one: Draft, other: Draft, part: Part) => bare(valueOf(one, part)) !== bare(valueOf(other, part));
  let draft = mine;
  const conflicts: Conflict[] = [];
  for (const part of PARTS) {
    const name = "key" in part ? `${part.group}.${part.key}` : part.group;
    // One that is not decided yet began with what was before it.
    const known = open.find((conflict) => conflict.name === name);
    const from = known?.before ?? before;
    if (!differ(mine, before, part) && known === undefined) draft = withPart(draft, part, theirs);
    else if (differ(theirs, from, part) && differ(theirs, mine, part)) conflicts.push({ name, part, before: from, theirs, mine });
  }
  return { draft, conflicts };
}
