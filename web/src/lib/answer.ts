/**
 * What a reader sees of an answer in any of the four client formats: text, reasoning,
 * calls, how it ended, what it used. Fed with what comes over the wire, whole or in
 * pieces; what is not understood is left out, since the raw bytes are always beside it.
 */
export type WireFormat = "chat" | "messages" | "responses" | "gemini";

export const WIRE_FORMATS: readonly WireFormat[] = ["chat", "messages", "responses", "gemini"];

export function isWireFormat(value: unknown): value is WireFormat {
  return WIRE_FORMATS.some((format) => format === value);
}

export type ToolCall = { id: string; name: string; arguments: string };

export type Reading = {
  text: string;
  reasoning: string;
  calls: ToolCall[];
  /** As the format calls it. */
  finish: string | null;
  usage: Record<string, unknown> | null;
  error: string | null;
};

type Json = Record<string, unknown>;

function object(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function list(value: unknown): Json[] {
  if (!Array.isArray(value)) return [];
  return value.map(object).filter((each) => each !== null);
}

/** Which part of an answer is meant. */
function place(value: unknown, otherwise: number): string {
  return String(typeof value === "number" ? value : otherwise);
}

function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export class AnswerReader {
  private rest = "";
  private readonly calls = new Map<string, ToolCall>();
  private readonly state: Omit<Reading, "calls"> = { text: "", reasoning: "", finish: null, usage: null, error: null };

  constructor(private readonly format: WireFormat) {}

  get reading(): Reading {
    return { ...this.state, calls: [...this.calls.values()].map((call) => ({ ...call })) };
  }

  /** A piece of a stream of server-sent events. */
  feed(piece: string): void {
    this.rest += piece;
    const end = /(?:\r\n|\n|\r(?!\n|$)){2}/g;
    let from = 0;
    for (let match = end.exec(this.rest); match !== null; match = end.exec(this.rest)) {
      this.frame(this.rest.slice(from, match.index));
      from = match.index + match[0].length;
    }
    this.rest = this.rest.slice(from);
  }

  /** A whole answer: a document, or a stream. */
  whole(body: string): this {
    const start = body.trimStart();
    if (start.startsWith("{") || start.startsWith("[")) this.take(body, true);
    else {
      this.feed(body);
      this.frame(this.rest);
      this.rest = "";
    }
    return this;
  }

  private frame(text: string): void {
    const data = text
      .split(/\r\n|\n|\r/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(line.startsWith("data: ") ? 6 : 5))
      .join("\n");
    if (data !== "" && data !== "[DONE]") this.take(data, false);
  }

  private take(text: string, whole: boolean): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    for (const document of Array.isArray(value) ? list(value) : list([value])) {
      const error = object(document.error) ?? (document.type === "response.failed" ? object(object(document.response)?.error) : null);
      if (error !== null) this.state.error = word(error.message) || JSON.stringify(error);
      else if (document.type === "error" && word(document.message) !== "") this.state.error = word(document.message);
      if (this.format === "chat") this.chat(document);
      else if (this.format === "messages") this.messages(document, whole);
      else if (this.format === "responses") this.responses(document, whole);
      else this.gemini(document);
    }
  }

  private call(key: string, change: Partial<ToolCall>, more = ""): void {
    const before = this.calls.get(key) ?? { id: "", name: "", arguments: "" };
    const next = { ...before, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== "")) };
    this.calls.set(key, { ...next, arguments: next.arguments + more });
  }

  private chat(document: Json): void {
    this.state.usage = object(document.usage) ?? this.state.usage;
    const choice = list(document.choices).find((each) => (each.index ?? 0) === 0);
    if (choice === undefined) return;
    const message = object(choice.delta) ?? object(choice.message) ?? {};
    this.state.text += word(message.content) + word(message.refusal);
    this.state.reasoning += word(message.reasoning_content) || word(message.reasoning);
    for (const [at, call] of list(message.tool_calls).entries()) {
      const made = object(call.function) ?? {};
      this.call(place(call.index, at), { id: word(call.id), name: word(made.name) }, word(made.arguments));
    }
    this.state.finish = word(choice.finish_reason) || this.state.finish;
  }

  private messages(document: Json, whole: boolean): void {
    if (whole) {
      for (const [at, block] of list(document.content).entries()) this.block(String(at), block);
      this.state.finish = word(document.stop_reason) || null;
      this.state.usage = object(document.usage);
      return;
    }
    const key = place(document.index, 0);
    const delta = object(document.delta) ?? {};
    const usage = object(document.usage) ?? object(object(document.message)?.usage);
    if (usage !== null) this.state.usage = { ...this.state.usage, ...usage };
    if (document.type === "content_block_start") this.block(key, object(document.content_block) ?? {}, true);
    else if (delta.type === "text_delta") this.state.text += word(delta.text);
    else if (delta.type === "thinking_delta") this.state.reasoning += word(delta.thinking);
    else if (delta.type === "input_json_delta") this.call(key, {}, word(delta.partial_json));
    this.state.finish = word(delta.stop_reason) || this.state.finish;
  }

  private block(key: string, block: Json, opening = false): void {
    if (block.type === "text") this.state.text += word(block.text);
    else if (block.type === "thinking") this.state.reasoning += word(block.thinking);
    else if (block.type === "tool_use") this.call(key, { id: word(block.id), name: word(block.name), arguments: opening ? "" : JSON.stringify(block.input ?? {}) });
  }

  private responses(document: Json, whole: boolean): void {
    const type = word(document.type);
    if (type === "response.output_text.delta" || type === "response.refusal.delta") this.state.text += word(document.delta);
    else if (type === "response.reasoning_summary_text.delta" || type === "response.reasoning_text.delta") this.state.reasoning += word(document.delta);
    else if (type === "response.output_item.added") this.item(place(document.output_index, 0), object(document.item) ?? {}, true);
    else if (type === "response.function_call_arguments.delta") this.call(place(document.output_index, 0), {}, word(document.delta));
    const answer = whole ? document : object(document.response);
    if (answer === null) return;
    if (whole) for (const [at, item] of list(answer.output).entries()) this.item(String(at), item);
    this.state.usage = object(answer.usage) ?? this.state.usage;
    if (answer.status === "completed" || answer.status === "incomplete") {
      this.state.finish = word(object(answer.incomplete_details)?.reason) || word(answer.status);
    }
  }

  private item(key: string, item: Json, opening = false): void {
    if (item.type === "function_call") this.call(key, { id: word(item.call_id), name: word(item.name), arguments: opening ? "" : word(item.arguments) });
    if (opening) return;
    if (item.type === "message") for (const part of list(item.content)) this.state.text += word(part.text) + word(part.refusal);
    if (item.type === "reasoning") {
      for (const part of [...list(item.summary), ...list(item.content)]) this.state.reasoning += word(part.text);
    }
  }

  private gemini(document: Json): void {
    this.state.usage = object(document.usageMetadata) ?? this.state.usage;
    const candidate = list(document.candidates)[0];
    if (candidate === undefined) return;
    for (const part of list(object(candidate.content)?.parts)) {
      const call = object(part.functionCall);
      if (call !== null) this.call(String(this.calls.size), { id: word(call.id), name: word(call.name), arguments: JSON.stringify(call.args ?? {}) });
      else if (part.thought === true) this.state.reasoning += word(part.text);
      else this.state.text += word(part.text);
    }
    this.state.finish = word(candidate.finishReason) || this.state.finish;
  }
}

/** JSON laid out, or the text as it is. */
export function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
