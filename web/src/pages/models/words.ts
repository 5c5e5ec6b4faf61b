/** Words for what the gateway says of models in codes. */
import type { TFunction } from "i18next";

import type { Schemas } from "../../api/client";
import { time } from "../../lib/format";
import type { Tone } from "../../ui/Status";

type T = TFunction<"models">;

const KINDS = ["exact", "alias", "glob", "prefix", "rewrite", "any", "echo"] as const;
const MATCHES = ["exact", "alias", "glob", "any", "echo", "prefix"] as const;
const STANDINGS = ["ok", "probation", "disabled"] as const;
const REASONS = ["credential_disabled", "model_not_supported", "model_excluded", "access_denied", "provider_pin_excluded", "cooldown_active"] as const;
const WARNINGS = ["shadowed", "unmatched", "chained", "excluded", "disabled"] as const;
const STEPS = ["rewrite_applied", "fallback_chain_built", "alias_resolved"] as const;

export function kindWord(t: T, kind: string): string {
  const known = KINDS.find((each) => each === kind);
  return known === undefined ? kind : t(`kind.${known}`);
}

export function matchWord(t: T, match: string): string {
  const known = MATCHES.find((each) => each === match);
  return known === undefined ? match : t(`match.${known}`);
}

export function warningWord(t: T, code: string): string {
  const known = WARNINGS.find((each) => each === code);
  return known === undefined ? code : t(`warning.${known}`);
}

export const STANDING_TONE: Record<string, Tone> = { ok: "ok", cooling: "warn", probation: "info", disabled: "off" };

export function standingWord(t: T, { standing, until }: Schemas["ModelTarget"]): string {
  if (standing === "cooling") return t("standing.cooling", { time: time(until) });
  const known = STANDINGS.find((each) => each === standing);
  return known === undefined ? standing : t(`standing.${known}`);
}

/** Without until when. */
export function standingShort(t: T, standing: string): string {
  const known = (["cooling", "probation", "disabled"] as const).find((each) => each === standing);
  return known === undefined ? standing : t(`standing.short.${known}`);
}

export function reasonWord(t: T, { reason, model, cause, until }: Schemas["RouteRejection"]): string {
  const known = REASONS.find((each) => each === reason) ?? "other";
  return t(`reason.${known}`, { reason, model, cause: cause ?? "", time: time(until) });
}

export function stepWord(t: T, { step, from, to }: Schemas["ResolutionStep"]): string {
  const known = STEPS.find((each) => each === step) ?? "other";
  return t(`ask.${known}`, { step, from, to });
}

export function capabilityWords(t: T, capabilities: Schemas["Capabilities"]): string[] {
  return [
    ...(["stream", "tools", "parallel_tools", "json_schema"] as const).filter((name) => capabilities[name]).map((name) => t(`cap.${name}`)),
    ...(capabilities.reasoning === "none" ? [] : [t("cap.reasoning")]),
  ];
}
