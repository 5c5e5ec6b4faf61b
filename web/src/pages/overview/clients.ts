/** What a person needs to point a client at this gateway. */
import type { Schemas } from "../../api/client";
import type { Client } from "./search";

const SAY = "Say hello";

/** A command for a POSIX shell; with a key it takes it from `AIGW_API_KEY`. */
export function curlCommand(client: Client, bases: Schemas["BaseUrls"], withKey: boolean): string {
  const lines: Record<Client, string[]> = {
    openai: [`curl ${bases.openai}/chat/completions`, ...(withKey ? [header("Authorization: Bearer $AIGW_API_KEY")] : []), json(chat())],
    anthropic: [`curl ${bases.anthropic}/v1/messages`, ...(withKey ? [header("x-api-key: $AIGW_API_KEY")] : []), header("anthropic-version: 2023-06-01"), json(messages())],
    gemini: [`curl ${bases.gemini}/v1beta/models/echo:generateContent`, ...(withKey ? [header("x-goog-api-key: $AIGW_API_KEY")] : []), json(gemini())],
  };
  return lines[client].join(" \\\n  ");
}

function header(line: string): string {
  return `-H "${line}"`;
}

function json(body: object): string {
  return `${header("content-type: application/json")} \\\n  -d '${JSON.stringify(body)}'`;
}

function chat(): object {
  return { model: "echo", messages: [{ role: "user", content: SAY }] };
}

function messages(): object {
  return { model: "echo", max_tokens: 100, messages: [{ role: "user", content: SAY }] };
}

function gemini(): object {
  return { contents: [{ role: "user", parts: [{ text: SAY }] }] };
}
