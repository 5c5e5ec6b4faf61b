/** From the form to the body of each format. */
import { dataUrl, type Form, given, type Json, json, type Message, type Part } from "./form";

export function encode(form: Form): Json {
  if (form.format === "chat") return chat(form);
  if (form.format === "messages") return messages(form);
  return form.format === "responses" ? responses(form) : gemini(form);
}

/** A lone text is written as such, as most people write it. */
function content(parts: readonly Part[], write: (part: Part) => unknown): unknown {
  const [only] = parts;
  return parts.length === 1 && only?.kind === "text" ? only.text : parts.map(write);
}

function chat(form: Form): Json {
  const list: Json[] = form.system === "" ? [] : [{ role: "system", content: form.system }];
  for (const message of form.messages) list.push(...chatMessages(message));
  return {
    model: form.model,
    ...given({ stream: form.stream || null }),
    messages: list,
    ...given({
      tools: form.tools.map(({ name, description, schema }) => ({ type: "function", function: { name, ...(description !== "" && { description }), parameters: json(schema) } })),
      max_tokens: form.maxTokens,
      temperature: form.temperature,
      top_p: form.topP,
      stop: form.stop,
    }),
    ...form.extra,
  };
}

function chatMessages({ role, parts }: Message): Json[] {
  const results = parts.flatMap((part) => (part.kind === "tool_result" ? [{ role: "tool", tool_call_id: part.id, content: part.output }] : []));
  const calls = parts.flatMap((part) => (part.kind === "tool_call" ? [{ id: part.id, type: "function", function: { name: part.name, arguments: part.arguments } }] : []));
  const rest = parts.filter((part) => part.kind !== "tool_result" && part.kind !== "tool_call");
  if (rest.length === 0 && calls.length === 0) return results;
  const written = rest.length === 0 ? null : content(rest, (part) => (part.kind === "text" ? { type: "text", text: part.text } : part.kind === "image" ? { type: "image_url", image_url: { url: part.url } } : part.kind === "raw" ? part.json : null));
  return [...results, { role, content: written, ...(calls.length > 0 && { tool_calls: calls }) }];
}

function messages(form: Form): Json {
  return {
    model: form.model,
    ...given({ stream: form.stream || null, max_tokens: form.maxTokens, system: form.system === "" ? null : form.system }),
    messages: form.messages.map(({ role, parts }) => ({ role, content: content(parts, messagesPart) })),
    ...given({
      tools: form.tools.map(({ name, description, schema }) => ({ name, ...(description !== "" && { description }), input_schema: json(schema) })),
      temperature: form.temperature,
      top_p: form.topP,
      stop_sequences: form.stop,
    }),
    ...form.extra,
  };
}

function messagesPart(part: Part): unknown {
  if (part.kind === "text") return { type: "text", text: part.text };
  if (part.kind === "image") {
    const data = dataUrl(part.url);
    return { type: "image", source: data === null ? { type: "url", url: part.url } : { type: "base64", media_type: data.type, data: data.data } };
  }
  if (part.kind === "tool_call") return { type: "tool_use", id: part.id, name: part.name, input: json(part.arguments) };
  return part.kind === "tool_result" ? { type: "tool_result", tool_use_id: part.id, content: part.output } : part.json;
}

function responses(form: Form): Json {
  const [first] = form.messages;
  const [only] = first?.parts ?? [];
  const lone = form.messages.length === 1 && first?.role === "user" && first.parts.length === 1 && only?.kind === "text" ? only.text : null;
  return {
    model: form.model,
    ...given({ stream: form.stream || null, instructions: form.system === "" ? null : form.system }),
    input: lone ?? form.messages.flatMap(responsesItems),
    ...given({
      tools: form.tools.map(({ name, description, schema }) => ({ type: "function", name, ...(description !== "" && { description }), parameters: json(schema) })),
      max_output_tokens: form.maxTokens,
      temperature: form.temperature,
      top_p: form.topP,
    }),
    ...form.extra,
  };
}

function responsesItems({ role, parts }: Message): unknown[] {
  const items: unknown[] = [];
  let open: unknown[] | null = null;
  for (const part of parts) {
    if (part.kind === "tool_call" || part.kind === "tool_result" || (part.kind === "raw" && role === "assistant")) {
      open = null;
      if (part.kind === "tool_call") items.push({ type: "function_call", call_id: part.id, name: part.name, arguments: part.arguments });
      else if (part.kind === "tool_result") items.push({ type: "function_call_output", call_id: part.id, output: part.output });
      else items.push(part.json);
      continue;
    }
    if (open === null) {
      open = [];
      items.push({ role, content: open });
    }
    if (part.kind === "text") open.push({ type: role === "user" ? "input_text" : "output_text", text: part.text });
    else open.push(part.kind === "image" ? { type: "input_image", image_url: part.url } : part.json);
  }
  return items;
}

function gemini(form: Form): Json {
  const config = given({ maxOutputTokens: form.maxTokens, temperature: form.temperature, topP: form.topP, stopSequences: form.stop });
  const { generationConfig, ...extra } = form.extra;
  const whole = { ...config, ...(typeof generationConfig === "object" ? generationConfig : {}) };
  return {
    ...(form.system !== "" && { systemInstruction: { parts: [{ text: form.system }] } }),
    contents: form.messages.map(({ role, parts }) => ({ role: role === "user" ? "user" : "model", parts: parts.map(geminiPart) })),
    ...(form.tools.length > 0 && {
      tools: [{ functionDeclarations: form.tools.map(({ name, description, schema }) => ({ name, ...(description !== "" && { description }), parameters: json(schema) })) }],
    }),
    ...(Object.keys(whole).length > 0 && { generationConfig: whole }),
    ...extra,
  };
}

function geminiPart(part: Part): unknown {
  if (part.kind === "text") return { text: part.text };
  if (part.kind === "image") {
    const data = dataUrl(part.url);
    return data === null ? { fileData: { fileUri: part.url } } : { inlineData: { mimeType: data.type, data: data.data } };
  }
  if (part.kind === "tool_call") return { functionCall: { ...(part.id !== "" && { id: part.id }), name: part.name, args: json(part.arguments) } };
  if (part.kind === "tool_result") {
    const output = json(part.output);
    const response = typeof output === "object" && output !== null && !Array.isArray(output) ? output : { output: part.output };
    return { functionResponse: { ...(part.id !== "" && { id: part.id }), name: part.name, response } };
  }
  return part.json;
}
