/** How a provider stands, in one word with its tone: from the list, and from what came live. */
import type { TFunction } from "i18next";

import type { Schemas } from "../../api/client";
import { isRecord } from "../../api/error";
import type { Tone } from "../../ui/Status";

export type Provider = Schemas["Provider"];

/** What the `health` channel says of one provider. */
export type Health = { state: string; model: string | null; cause: string | null; until: number | null; inFlight: number };

export type Standing = {
  word: "ok" | "cooling" | "ejected" | "authFailed" | "unverified" | "disabled";
  tone: Tone;
  /** Unix ms; when it is tried again. */
  until: number | null;
  cause: string | null;
  /** The one model that is meant; null: all. */
  model: string | null;
};

/** Causes that no waiting mends: the key, or the account. */
const KEY_CAUSES = new Set(["authentication", "upstream_auth", "permission", "billing"]);
/** Causes that the vendor names itself, with a time. */
const LIMIT_CAUSES = new Set(["rate_limit", "overloaded"]);

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** The value of the channel by provider; empty where it says nothing that is known. */
export function readHealth(value: unknown): ReadonlyMap<string, Health> {
  const list = isRecord(value) && Array.isArray(value.credentials) ? (value.credentials as unknown[]) : [];
  const found = new Map<string, Health>();
  for (const each of list) {
    if (!isRecord(each) || typeof each.id !== "string" || typeof each.state !== "string") continue;
    found.set(each.id, { state: each.state, model: text(each.model), cause: text(each.cause), until: number(each.until), inFlight: number(each.in_flight) ?? 0 });
  }
  return found;
}

export function healthOf(provider: Provider, live: ReadonlyMap<string, Health>): Health {
  const { state, resting_model: model, cause, until, in_flight: inFlight } = provider;
  return live.get(provider.id) ?? { state, model, cause, until, inFlight };
}

/** `disabled` is that of the list: it is what a switch has just changed. */
export function standingOf(disabled: boolean, health: Health, now: number): Standing {
  const { model, cause } = health;
  if (disabled) return { word: "disabled", tone: "off", until: null, cause: null, model: null };
  const rests = health.state === "cooling" && (health.until ?? Infinity) > now;
  if (rests) {
    const until = health.until;
    if (cause !== null && KEY_CAUSES.has(cause)) return { word: "authFailed", tone: "bad", until, cause, model };
    if (cause !== null && LIMIT_CAUSES.has(cause)) return { word: "cooling", tone: "warn", until, cause, model };
    return { word: "ejected", tone: "bad", until, cause, model };
  }
  if (health.state === "probation" || health.state === "cooling") return { word: "unverified", tone: "info", until: null, cause, model };
  return { word: "ok", tone: "ok", until: null, cause: null, model: null };
}

const CAUSES = ["rate_limit", "overloaded", "timeout", "unavailable", "upstream", "upstream_auth", "upstream_truncated", "upstream_malformed", "authentication", "permission", "billing"] as const;

/** Why it rests, in words; a cause without any as it is. */
export function causeWord(t: TFunction<"providers">, cause: string): string {
  const known = CAUSES.find((each) => each === cause);
  return known === undefined ? cause : t(`cause.${known}`);
}
