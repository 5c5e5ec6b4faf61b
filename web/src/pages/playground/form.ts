/** A request as a form shows it, the same for all client formats. */
import type { WireFormat } from "../../lib/answer";

export type Json = Record<string, unknown>;

export type Part =
  | { kind: "text"; text: string }
  | { kind: "image"; url: string }
  | { kind: "tool_call"; id: string; name: string; arguments: string }
  | { kind: "tool_result"; id: string; name: string; output: string }
  /** What the form cannot show: sent as it came. */
  | { kind: "raw"; json: unknown };

export type Message = { role: "user" | "assistant"; parts: Part[] };

export type Tool = { name: string; description: string; schema: string };

export type Form = {
  format: WireFormat;
  model: string;
  stream: boolean;
  system: string;
  messages: Message[];
  tools: Tool[];
  maxTokens: number | null;
  temperature: number | null;
  topP: number | null;
  stop: string[];
  /** Fields of the body that the form has no place for, with where they stand. */
  extra: Json;
};

export const EMPTY_SCHEMA = '{\n  "type": "object",\n  "properties": {}\n}';

export function emptyForm(format: WireFormat = "chat"): Form {
  return {
    format,
    model: "echo",
    stream: true,
    system: "",
    messages: [{ role: "user", parts: [{ kind: "text", text: "Hello. This went through the gateway and came back." }] }],
    tools: [],
    maxTokens: format === "messages" ? 1024 : null,
    temperature: null,
    topP: null,
    stop: [],
    extra: {},
  };
}

export function object(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(object).filter((each) => each !== null) : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function num(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** JSON of a part of the form, or the text itself where it is none yet. */
export function json(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return source;
  }
}

export function pretty(value: unknown): string {
  return JSON.stringify(value ?? {}, null, 2);
}

/** The media type and the data of a `data:` address. */
export function dataUrl(url: string): { type: string; data: string } | null {
  const match = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  return match === null ? null : { type: match[1] ?? "", data: match[2] ?? "" };
}

/** `fields` without what is absent: null, nothing at all, an empty list. */
export function given(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0)));
}

export function without(body: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

/** Parts that follow each other with one role are one message. */
export function joined(messages: readonly Message[]): Message[] {
  const found: Message[] = [];
  for (const message of messages) {
    const last = found.at(-1);
    const results = (each: Message) => each.parts.every((part) => part.kind === "tool_result" || part.kind === "tool_call");
    if (last?.role === message.role && (results(last) || results(message))) last.parts.push(...message.parts);
    else found.push({ role: message.role, parts: [...message.parts] });
  }
  return found;
}
