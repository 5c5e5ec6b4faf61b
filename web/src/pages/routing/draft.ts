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

type Store = {
  /** The rules that the editing began with. */
  base: Rules | null;
  draft: Draft | null;
  start: (rules: Rules) => void;
  edit: (change: Partial<Draft>) => void;
  /** What was edited stays, over rules that somebody else has changed meanwhile. */
  rebase: (rules: Rules) => void;
};

/** Kept while the dashboard is open: looking at another page loses nothing. */
export const useDraft = create<Store>()((set) => ({
  base: null,
  draft: null,
  start: (rules) => set({ base: rules, draft: draftOf(rules) }),
  edit: (change) => set(({ draft }) => ({ draft: draft === null ? null : { ...draft, ...change } })),
  rebase: (rules) =>
    set(({ base, draft }) => {
      if (base === null || draft === null) return { base: rules, draft: draftOf(rules) };
      return { base: rules, draft: rebased(draft, draftOf(base), draftOf(rules)) };
    }),
}));

/** Part by part: mine where I have changed it, else theirs. */
function rebased(mine: Draft, before: Draft, theirs: Draft): Draft {
  const bare = (value: unknown): string => JSON.stringify(value, (key, each: unknown) => (key === "id" || key === "known" ? undefined : each));
  const pick = <K extends string, V>(own: Record<K, V>, old: Record<K, V>, other: Record<K, V>): Record<K, V> =>
    Object.fromEntries((Object.keys(own) as K[]).map((key) => [key, bare(own[key]) === bare(old[key]) ? other[key] : own[key]])) as Record<K, V>;
  const whole = pick<keyof Draft, unknown>(mine, before, theirs) as Draft;
  return { ...whole, retry: pick(mine.retry, before.retry, theirs.retry), payload: pick(mine.payload, before.payload, theirs.payload) };
}
