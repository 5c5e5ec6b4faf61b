/** The settings of a key as a form has them, all texts, and what the API takes. */
import type { Schemas } from "../../api/client";

export type AuthKey = Schemas["AuthKey"];
export type Detail = Schemas["AuthKeyDetail"];

export type KeyForm = {
  name: string;
  /** As `datetime-local` has it, in local time; empty: never. */
  expires: string;
  /** Patterns, one a line; as is the next. Empty: all. */
  models: string;
  providers: string;
  requests: string;
  tokens: string;
  concurrent: string;
};

export const EMPTY: KeyForm = { name: "", expires: "", models: "", providers: "", requests: "", tokens: "", concurrent: "" };

/** Unix ms as the local time of an input, to the minute. */
export function localTime(at: number | null): string {
  if (at === null) return "";
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function keyForm(key: AuthKey): KeyForm {
  const limit = (value: number | null) => (value === null ? "" : String(value));
  return {
    name: key.name,
    expires: localTime(key.expires_at),
    models: key.allowed_models.join("\n"),
    providers: key.allowed_providers.join("\n"),
    requests: limit(key.requests_per_minute),
    tokens: limit(key.tokens_per_minute),
    concurrent: limit(key.max_concurrent),
  };
}

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter((line) => line !== "");

/** A number, or the text itself, which the gateway then refuses at its field. */
function number(text: string): number | null {
  const written = text.trim();
  if (written === "") return null;
  const value = Number(written);
  return Number.isNaN(value) ? (written as unknown as number) : value;
}

function moment(local: string): string | null {
  if (local === "") return null;
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}

const PARTS: { [name in keyof KeyForm]: readonly [string, (text: string) => unknown] } = {
  name: ["name", (text) => text.trim()],
  expires: ["expires_at", moment],
  models: ["allowed_models", lines],
  providers: ["allowed_providers", lines],
  requests: ["requests_per_minute", number],
  tokens: ["tokens_per_minute", number],
  concurrent: ["max_concurrent", number],
};

/** Where the API says what is wrong with a field. */
export function pointer(field: keyof KeyForm): string {
  return `/${PARTS[field][0]}`;
}

export function hasField(path: string): boolean {
  return Object.values(PARTS).some(([name]) => path === `/${name}` || path.startsWith(`/${name}/`));
}

export function newBody(form: KeyForm): Schemas["NewAuthKey"] {
  const entries = (Object.keys(PARTS) as (keyof KeyForm)[]).map((field) => [PARTS[field][0], PARTS[field][1](form[field])]);
  return Object.fromEntries(entries) as Schemas["NewAuthKey"];
}

/** What differs from `before`; empty: nothing. */
export function changeBody(form: KeyForm, before: KeyForm): Schemas["AuthKeyChange"] {
  const fields = (Object.keys(PARTS) as (keyof KeyForm)[]).filter((field) => form[field].trim() !== before[field].trim());
  return Object.fromEntries(fields.map((field) => [PARTS[field][0], PARTS[field][1](form[field])]));
}

/** Fields that somebody else has changed since `before`. */
export function contested(before: KeyForm, theirs: KeyForm): (keyof KeyForm)[] {
  return (Object.keys(before) as (keyof KeyForm)[]).filter((field) => before[field] !== theirs[field]);
}
