/** From the body of a format to the form. What the form has no place for is kept aside. */
import type { WireFormat } from "../../lib/answer";
import { emptyForm, type Form, joined, type Json, type Message, num, object, objects, type Part, pretty, text, type Tool, without } from "./form";

/** `before` has what is not in the body: with Gemini the model and whether it streams. */
export function decode(format: WireFormat, body: Json, before: Form): Form {
  const base: Form = { ...emptyForm(format), model: before.model, stream: before.stream };
  if (format === "chat") return chat(body, base);
  if (format === "messages") return messages(body, base);
  return format === "responses" ? responses(body, base) : gemini(body, base);
}

function tools(list: Json[], schemaOf: string): Tool[] {
  return list.map((tool) => ({ name: text(tool.name), description: text(tool.description), schema: pretty(tool[schemaOf]) }));
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** The parts of a content that is a text or a list. */
function parts(content: unknown, read: (part: Json) => Part): Part[] {
  if (typeof content === "string") return [{ kind: "text", text: content }];
  return objects(content).map(read);
}

/** All text in a content, as of a system prompt. */
function plain(content: unknown): string {
  return typeof content === "string" ? content : objects(content).map((part) => text(part.text)).join("\n");
}

/** Whether it is the plain list of functions that the form can show. */
function plainTools(value: unknown, kind: (tool: Json) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && objects(value).length === value.length && objects(value).every(kind));
}

function chat(body: Json, base: Form): Form {
  const list = objects(body.messages);
  const systems = list.filter((message, at) => at === 0 && (message.role === "system" || message.role === "developer"));
  const shown = plainTools(body.tools, (tool) => object(tool.function) !== null);
  return {
    ...base,
    model: text(body.model),
    stream: body.stream === true,
    system: systems.map((message) => plain(message.content)).join("\n"),
    messages: joined(list.slice(systems.length).map(chatMessage)),
    tools: shown ? tools(objects(body.tools).map((tool) => object(tool.function) ?? {}), "parameters") : [],
    maxTokens: num(body.max_tokens),
    temperature: num(body.temperature),
    topP: num(body.top_p),
    stop: texts(body.stop),
    extra: without(body, ["model", "stream", "messages", ...(shown ? ["tools"] : []), "max_tokens", "temperature", "top_p", "stop"]),
  };
}

function chatMessage(message: Json): Message {
  if (message.role === "tool") return { role: "user", parts: [{ kind: "tool_result", id: text(message.tool_call_id), name: "", output: plain(message.content) }] };
  const found = parts(message.content, (part) => {
    const image = text(object(part.image_url)?.url);
    if (part.type === "text") return { kind: "text", text: text(part.text) };
    return image === "" ? { kind: "raw", json: part } : { kind: "image", url: image };
  });
  const calls = objects(message.tool_calls).map((call): Part => {
    const made = object(call.function) ?? {};
    return { kind: "tool_call", id: text(call.id), name: text(made.name), arguments: text(made.arguments) };
  });
  return { role: message.role === "assistant" ? "assistant" : "user", parts: [...found, ...calls] };
}

function messages(body: Json, base: Form): Form {
  const shown = plainTools(body.tools, (tool) => object(tool.input_schema) !== null);
  return {
    ...base,
    model: text(body.model),
    stream: body.stream === true,
    system: plain(body.system),
    messages: objects(body.messages).map((message) => ({ role: message.role === "assistant" ? "assistant" : "user", parts: parts(message.content, messagesPart) })),
    tools: shown ? tools(objects(body.tools), "input_schema") : [],
    maxTokens: num(body.max_tokens),
    temperature: num(body.temperature),
    topP: num(body.top_p),
    stop: texts(body.stop_sequences),
    extra: without(body, ["model", "stream", "system", "messages", ...(shown ? ["tools"] : []), "max_tokens", "temperature", "top_p", "stop_sequences"]),
  };
}

function messagesPart(part: Json): Part {
  const source = object(part.source);
  if (part.type === "text" && Object.keys(part).length === 2) return { kind: "text", text: text(part.text) };
  if (part.type === "image" && source?.type === "base64") return { kind: "image", url: `data:${text(source.media_type)};base64,${text(source.data)}` };
  if (part.type === "image" && source?.type === "url") return { kind: "image", url: text(source.url) };
  if (part.type === "tool_use") return { kind: "tool_call", id: text(part.id), name: text(part.name), arguments: pretty(part.input) };
  if (part.type === "tool_result" && typeof part.content === "string") return { kind: "tool_result", id: text(part.tool_use_id), name: "", output: part.content };
  return { kind: "raw", json: part };
}

function responses(body: Json, base: Form): Form {
  const shown = plainTools(body.tools, (tool) => tool.type === "function");
  return {
    ...base,
    model: text(body.model),
    stream: body.stream === true,
    system: text(body.instructions),
    messages: typeof body.input === "string" ? [{ role: "user", parts: [{ kind: "text", text: body.input }] }] : joined(objects(body.input).map(responsesItem)),
    tools: shown ? tools(objects(body.tools), "parameters") : [],
    maxTokens: num(body.max_output_tokens),
    temperature: num(body.temperature),
    topP: num(body.top_p),
    extra: without(body, ["model", "stream", "instructions", "input", ...(shown ? ["tools"] : []), "max_output_tokens", "temperature", "top_p"]),
  };
}

function responsesItem(item: Json): Message {
  if (item.type === "function_call") return { role: "assistant", parts: [{ kind: "tool_call", id: text(item.call_id), name: text(item.name), arguments: text(item.arguments) }] };
  if (item.type === "function_call_output") return { role: "user", parts: [{ kind: "tool_result", id: text(item.call_id), name: "", output: typeof item.output === "string" ? item.output : pretty(item.output) }] };
  if (typeof item.role !== "string") return { role: "assistant", parts: [{ kind: "raw", json: item }] };
  return {
    role: item.role === "assistant" ? "assistant" : "user",
    parts: parts(item.content, (part) => {
      if (part.type === "input_text" || part.type === "output_text") return { kind: "text", text: text(part.text) };
      return part.type === "input_image" && typeof part.image_url === "string" ? { kind: "image", url: part.image_url } : { kind: "raw", json: part };
    }),
  };
}

function gemini(body: Json, base: Form): Form {
  const config = object(body.generationConfig) ?? {};
  const declared = objects(body.tools).flatMap((tool) => objects(tool.functionDeclarations));
  const shown = plainTools(body.tools, (tool) => Object.keys(tool).join() === "functionDeclarations");
  const rest = without(config, ["maxOutputTokens", "temperature", "topP", "stopSequences"]);
  return {
    ...base,
    system: objects(object(body.systemInstruction)?.parts).map((part) => text(part.text)).join("\n"),
    messages: objects(body.contents).map((each) => ({ role: each.role === "model" ? "assistant" : "user", parts: objects(each.parts).map(geminiPart) })),
    tools: shown ? tools(declared, "parameters") : [],
    maxTokens: num(config.maxOutputTokens),
    temperature: num(config.temperature),
    topP: num(config.topP),
    stop: texts(config.stopSequences),
    extra: {
      ...without(body, ["systemInstruction", "contents", ...(shown ? ["tools"] : []), "generationConfig"]),
      ...(Object.keys(rest).length > 0 && { generationConfig: rest }),
    },
  };
}

function geminiPart(part: Json): Part {
  const inline = object(part.inlineData);
  const call = object(part.functionCall);
  const result = object(part.functionResponse);
  if (typeof part.text === "string" && Object.keys(part).length === 1) return { kind: "text", text: part.text };
  if (inline !== null) return { kind: "image", url: `data:${text(inline.mimeType)};base64,${text(inline.data)}` };
  if (call !== null && part.thoughtSignature === undefined) return { kind: "tool_call", id: text(call.id), name: text(call.name), arguments: pretty(call.args) };
  if (result !== null) return { kind: "tool_result", id: text(result.id), name: text(result.name), output: pretty(result.response) };
  return { kind: "raw", json: part };
}
