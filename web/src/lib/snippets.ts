/** A request as somebody would write it: for curl, and for the official SDKs of each format. */
import type { WireFormat } from "./answer";

export type Asked = { format: WireFormat; model: string; stream: boolean; body: Record<string, unknown> };

export type Language = "curl" | "python" | "javascript";

export const LANGUAGES: readonly Language[] = ["curl", "python", "javascript"];

/** The variable of the shell that has the client key. */
const KEY = "AIGW_KEY";

const PATHS: Record<Exclude<WireFormat, "gemini">, string> = {
  chat: "/v1/chat/completions",
  messages: "/v1/messages",
  responses: "/v1/responses",
};

export function pathOf({ format, model, stream }: Pick<Asked, "format" | "model" | "stream">): string {
  if (format !== "gemini") return PATHS[format];
  const name = encodeURIComponent(model).replaceAll("%2F", "/");
  return `/v1beta/models/${name}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`;
}

/** For a shell: in single quotes nothing means anything. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curl(asked: Asked, base: string): string {
  const header: Record<WireFormat, string> = {
    chat: `"authorization: Bearer $${KEY}"`,
    messages: `"x-api-key: $${KEY}"`,
    responses: `"authorization: Bearer $${KEY}"`,
    gemini: `"x-goog-api-key: $${KEY}"`,
  };
  return [
    `curl ${asked.stream ? "-N " : ""}${quoted(base + pathOf(asked))}`,
    `  -H ${header[asked.format]}`,
    ...(asked.format === "messages" ? ["  -H 'anthropic-version: 2023-06-01'"] : []),
    "  -H 'content-type: application/json'",
    `  -d ${quoted(JSON.stringify(asked.body, null, 2))}`,
  ].join(" \\\n");
}

/** A JSON value as Python writes it. */
export function pythonValue(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    return value.length === 0 ? "[]" : `[\n${value.map((each) => `${inner}${pythonValue(each, inner)},\n`).join("")}${indent}]`;
  }
  if (typeof value === "object") {
    const entries = Object.entries(value);
    return entries.length === 0 ? "{}" : `{\n${entries.map(([key, each]) => `${inner}${JSON.stringify(key)}: ${pythonValue(each, inner)},\n`).join("")}${indent}}`;
  }
  // A JSON text is a Python text, but for surrogate pairs, which stand as they are.
  return JSON.stringify(value);
}

function keywords(body: Record<string, unknown>): string {
  return Object.entries(body)
    .map(([key, value]) => `    ${key}=${pythonValue(value, "    ")},\n`)
    .join("");
}

/** The parts of a Gemini request as its SDKs take them. */
function geminiParts({ model, body }: Asked): Record<string, unknown> {
  const { contents = [], generationConfig, ...rest } = body;
  const config = { ...(typeof generationConfig === "object" ? generationConfig : {}), ...rest };
  return { model, contents, ...(Object.keys(config).length > 0 && { config }) };
}

export function python(asked: Asked, base: string): string {
  const { format, stream, body } = asked;
  if (format === "gemini") {
    const call = `${stream ? "generate_content_stream" : "generate_content"}(\n${keywords(geminiParts(asked))})`;
    const open = `import os\n\nfrom google import genai\n\nclient = genai.Client(\n    api_key=os.environ["${KEY}"],\n    http_options={"base_url": ${JSON.stringify(base)}},\n)\n`;
    return stream ? `${open}for chunk in client.models.${call}:\n    print(chunk.text, end="")\n` : `${open}response = client.models.${call}\nprint(response.text)\n`;
  }
  if (format === "messages") {
    const open = `import os\n\nfrom anthropic import Anthropic\n\nclient = Anthropic(api_key=os.environ["${KEY}"], base_url=${JSON.stringify(base)})\n`;
    const call = `client.messages.create(\n${keywords(body)})`;
    return stream ? `${open}for event in ${call}:\n    print(event)\n` : `${open}message = ${call}\nprint(message.content)\n`;
  }
  const open = `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(api_key=os.environ["${KEY}"], base_url=${JSON.stringify(`${base}/v1`)})\n`;
  const call = `client.${format === "chat" ? "chat.completions" : "responses"}.create(\n${keywords(body)})`;
  if (stream) return `${open}for ${format === "chat" ? "chunk" : "event"} in ${call}:\n    print(${format === "chat" ? "chunk" : "event"})\n`;
  return format === "chat" ? `${open}completion = ${call}\nprint(completion.choices[0].message)\n` : `${open}response = ${call}\nprint(response.output_text)\n`;
}

export function javascript(asked: Asked, base: string): string {
  const { format, stream, body } = asked;
  const json = (value: unknown) => JSON.stringify(value, null, 2);
  if (format === "gemini") {
    const call = `ai.models.${stream ? "generateContentStream" : "generateContent"}(${json(geminiParts(asked))})`;
    const open = `import { GoogleGenAI } from "@google/genai";\n\nconst ai = new GoogleGenAI({\n  apiKey: process.env.${KEY},\n  httpOptions: { baseUrl: ${JSON.stringify(base)} },\n});\n`;
    return stream ? `${open}for await (const chunk of await ${call}) {\n  process.stdout.write(chunk.text ?? "");\n}\n` : `${open}const response = await ${call};\nconsole.log(response.text);\n`;
  }
  const messages = format === "messages";
  const open = messages
    ? `import Anthropic from "@anthropic-ai/sdk";\n\nconst client = new Anthropic({ apiKey: process.env.${KEY}, baseURL: ${JSON.stringify(base)} });\n`
    : `import OpenAI from "openai";\n\nconst client = new OpenAI({ apiKey: process.env.${KEY}, baseURL: ${JSON.stringify(`${base}/v1`)} });\n`;
  const name = messages ? "messages" : format === "chat" ? "chat.completions" : "responses";
  const call = `await client.${name}.create(${json(body)})`;
  return stream ? `${open}for await (const event of ${call}) {\n  console.log(event);\n}\n` : `${open}const answer = ${call};\nconsole.log(answer);\n`;
}

export function snippet(language: Language, asked: Asked, base: string): string {
  if (language === "curl") return curl(asked, base);
  return language === "python" ? python(asked, base) : javascript(asked, base);
}

/** A body that asks something of a model, in its format. */
export function sampleBody(format: WireFormat, model: string, text: string, stream: boolean): Record<string, unknown> {
  const streamed = stream ? { stream: true } : {};
  if (format === "chat") return { model, ...streamed, messages: [{ role: "user", content: text }] };
  if (format === "messages") return { model, max_tokens: 1024, ...streamed, messages: [{ role: "user", content: text }] };
  if (format === "responses") return { model, ...streamed, input: text };
  return { contents: [{ role: "user", parts: [{ text }] }] };
}
