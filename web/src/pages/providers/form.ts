/**
 * The settings of a provider as a form has them, all texts, and what the API takes.
 * A change holds only what differs from what the form began with.
 */
import type { Schemas } from "../../api/client";

export type Detail = Schemas["ProviderDetail"];
export type Preset = Schemas["Preset"];
export type NewProvider = Schemas["NewProvider"];
export type ProviderChange = Schemas["ProviderChange"];
export type ProviderType = NewProvider["provider_type"];

/** Where the key is to stand; `keep`: where it does. */
export type KeyFrom = "keep" | "env" | "inline" | "file";

export type ModelLine = { id: string; alias: string };
export type HeaderLine = { name: string; value: string };

export type ProviderForm = {
  type: ProviderType;
  name: string;
  keyFrom: KeyFrom;
  variable: string;
  key: string;
  keyFile: string;
  baseUrl: string;
  prefix: string;
  models: readonly ModelLine[];
  /** One a line. */
  excluded: string;
  headers: readonly HeaderLine[];
  proxy: "general" | "none" | "own";
  proxyUrl: string;
  weight: string;
  priority: string;
  wireApi: string;
  authStyle: string;
  connect: string;
  firstByte: string;
  idle: string;
  allowInsecure: boolean;
};

const EMPTY: ProviderForm = {
  type: "openai-compat",
  name: "",
  keyFrom: "inline",
  variable: "",
  key: "",
  keyFile: "",
  baseUrl: "",
  prefix: "",
  models: [],
  excluded: "",
  headers: [],
  proxy: "general",
  proxyUrl: "",
  weight: "1",
  priority: "0",
  wireApi: "chat",
  authStyle: "",
  connect: "",
  firstByte: "",
  idle: "",
  allowInsecure: false,
};

/** What a server without keys is sent: any text will do. */
const NO_KEY = "unused";

export function presetForm(preset: Preset, environment: readonly string[]): ProviderForm {
  const variable = preset.variables.find((name) => environment.includes(name));
  return {
    ...EMPTY,
    type: preset.provider_type as ProviderType,
    // The kind's own address need not be written down.
    baseUrl: preset.provider_type === "openai-compat" ? (preset.base_url ?? "") : "",
    keyFrom: variable === undefined ? "inline" : "env",
    variable: variable ?? preset.variables[0] ?? "",
    key: preset.needs_key ? "" : NO_KEY,
    wireApi: preset.wire_api,
  };
}

export function detailForm(detail: Detail): ProviderForm {
  const { timeouts } = detail;
  const seconds = (value: number | null) => (value === null ? "" : String(value));
  return {
    ...EMPTY,
    type: detail.provider_type as ProviderType,
    name: detail.name,
    keyFrom: "keep",
    baseUrl: detail.base_url,
    prefix: detail.prefix,
    models: detail.models.map(({ id, alias }) => ({ id, alias: alias ?? "" })),
    excluded: detail.excluded_models.join("\n"),
    headers: Object.entries(detail.headers).map(([name, value]) => ({ name, value })),
    proxy: detail.proxy_url === null ? "general" : detail.proxy_url === "" ? "none" : "own",
    proxyUrl: detail.proxy_url ?? "",
    weight: String(detail.weight),
    priority: String(detail.priority),
    wireApi: detail.wire_api,
    authStyle: detail.auth_style,
    connect: seconds(timeouts.connect),
    firstByte: seconds(timeouts.first_byte),
    idle: seconds(timeouts.idle),
    allowInsecure: detail.allow_insecure,
  };
}

export function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/** The reference to a key, or the key; undefined: it stays. */
export function keyText(form: ProviderForm): string | undefined {
  switch (form.keyFrom) {
    case "keep":
      return undefined;
    case "env":
      return form.variable.trim() === "" ? "" : `\${${form.variable.trim()}}`;
    case "inline":
      // A text that looks like a reference is meant as a key all the same.
      return form.key.trim().replaceAll("${", () => "$${");
    case "file":
      return form.keyFile.trim() === "" ? "" : `file://${form.keyFile.trim()}`;
  }
}

const models = (form: ProviderForm) =>
  form.models.filter(({ id }) => id.trim() !== "").map(({ id, alias }) => ({ id: id.trim(), alias: alias.trim() === "" ? null : alias.trim() }));

const headers = (form: ProviderForm): Record<string, string> =>
  Object.fromEntries(form.headers.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value]));

/** A number, or the text itself, which the gateway then refuses at its field. */
function number(text: string): number | null {
  const written = text.trim();
  if (written === "") return null;
  const value = Number(written);
  return Number.isNaN(value) ? (written as unknown as number) : value;
}

const text = (value: string): string | null => (value.trim() === "" ? null : value.trim());

const PARTS = {
  name: (form: ProviderForm) => text(form.name),
  base_url: (form: ProviderForm) => text(form.baseUrl),
  prefix: (form: ProviderForm) => text(form.prefix),
  models: (form: ProviderForm) => (models(form).length === 0 ? null : models(form)),
  excluded_models: (form: ProviderForm) => (lines(form.excluded).length === 0 ? null : lines(form.excluded)),
  proxy_url: (form: ProviderForm) => (form.proxy === "general" ? null : form.proxy === "none" ? "" : form.proxyUrl.trim()),
  weight: (form: ProviderForm) => number(form.weight),
  priority: (form: ProviderForm) => number(form.priority),
  wire_api: (form: ProviderForm) => text(form.wireApi) as "chat" | null,
  auth_style: (form: ProviderForm) => text(form.authStyle) as "bearer" | null,
  allow_insecure: (form: ProviderForm) => form.allowInsecure,
};

const TIMEOUTS = {
  connect: (form: ProviderForm) => number(form.connect),
  first_byte: (form: ProviderForm) => number(form.firstByte),
  idle: (form: ProviderForm) => number(form.idle),
};

type Parts = Record<string, (form: ProviderForm) => unknown>;

function changed(parts: Parts, form: ProviderForm, before: ProviderForm): Record<string, unknown> {
  const found = Object.entries(parts).map(([name, part]) => [name, part(form), part(before)] as const);
  return Object.fromEntries(found.filter(([, now, then]) => JSON.stringify(now) !== JSON.stringify(then)).map(([name, now]) => [name, now]));
}

/** What differs from `before`; empty: nothing. */
export function changeBody(form: ProviderForm, before: ProviderForm): ProviderChange {
  const body = changed(PARTS, form, before);
  const key = keyText(form);
  if (key !== undefined) body.api_key = key;
  const timeouts = changed(TIMEOUTS, form, before);
  if (Object.keys(timeouts).length > 0) body.timeouts = timeouts;
  const now = headers(form);
  const then = headers(before);
  const changes: Record<string, string | null> = {};
  for (const name of Object.keys(then)) if (!(name in now)) changes[name] = null;
  for (const [name, value] of Object.entries(now)) if (then[name] !== value) changes[name] = value;
  if (Object.keys(changes).length > 0) body.headers = changes;
  return body;
}

/** A whole new provider: what differs from the defaults. */
export function newBody(form: ProviderForm): NewProvider {
  return { ...changeBody(form, EMPTY), provider_type: form.type, api_key: keyText(form) ?? "" };
}

/** As `newBody`, of all the settings: to try them out. `id` is whose key is meant where it stays. */
export function trialBody(form: ProviderForm, known?: Detail): NewProvider & { id: string | null } {
  if (known === undefined) return { ...newBody(form), id: null };
  return { ...changeBody(form, detailForm(known)), provider_type: form.type, api_key: keyText(form) ?? known.api_key_masked, id: known.id };
}

export type Difference = { field: keyof ProviderForm; before: string; theirs: string; mine: string };

function shown(value: ProviderForm[keyof ProviderForm]): string {
  if (typeof value === "string") return value.split("\n").join(", ");
  if (typeof value === "boolean") return String(value);
  return value.map((line) => ("id" in line ? [line.id, line.alias].filter(Boolean).join(" → ") : `${line.name}: ${line.value}`)).join(", ");
}

/** What somebody else has changed since `before`, beside what the form says. */
export function differences(before: ProviderForm, theirs: ProviderForm, mine: ProviderForm): Difference[] {
  return (Object.keys(before) as (keyof ProviderForm)[])
    .map((field) => ({ field, before: shown(before[field]), theirs: shown(theirs[field]), mine: shown(mine[field]) }))
    .filter(({ before: was, theirs: now }) => was !== now);
}
