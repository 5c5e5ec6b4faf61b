/** One request to the built-in echo model, through the gateway as a client sends it. */
import { isRecord } from "../../api/error";

export type Progress = {
  status: number;
  /** What has arrived of the answer. */
  text: string;
  /** Milliseconds until the first text, and until now. */
  first: number | null;
  total: number;
  requestId: string | null;
};

export class TestFailed extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly requestId: string | null,
  ) {
    super(message);
    this.name = "TestFailed";
  }
}

const PATH = "/v1/chat/completions";

export const TEST_BODY = {
  model: "echo",
  messages: [{ role: "user", content: "Hello. This sentence went through the gateway and came back." }],
  stream: true,
};

/**
 * Sends it and tells how far it is.
 *
 * Throws `TestFailed` when it was refused or broke off, and the browser's own error
 * when it was aborted or nothing answers.
 */
export async function sendTest({ key, signal, onProgress }: { key?: string; signal: AbortSignal; onProgress: (progress: Progress) => void }): Promise<Progress> {
  const began = performance.now();
  const response = await fetch(PATH, {
    method: "POST",
    // As a client: the session of the dashboard has no part in it.
    credentials: "omit",
    cache: "no-store",
    signal,
    headers: { "content-type": "application/json", ...(key !== undefined && key !== "" && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(TEST_BODY),
  });
  const requestId = response.headers.get("x-request-id");
  const fail = (message: string) => new TestFailed(message, response.status, requestId);
  if (!response.ok || response.body === null) throw fail(messageOf(await response.text()) ?? `HTTP ${response.status}`);
  const progress: Progress = { status: response.status, text: "", first: null, total: 0, requestId };
  for await (const data of events(response.body)) {
    const failure = messageOf(data);
    if (failure !== null) throw fail(failure);
    const text = textOf(data);
    if (text === "") continue;
    progress.text += text;
    progress.first ??= performance.now() - began;
    progress.total = performance.now() - began;
    onProgress({ ...progress });
  }
  return { ...progress, total: performance.now() - began };
}

/** The data of server-sent events, without the closing `[DONE]`. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data !== "" && data !== "[DONE]") yield data;
    }
    if (done) return;
  }
}

function parsed(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return null;
  }
}

/** The message of an error in the format of Chat Completions. */
function messageOf(source: string): string | null {
  const value = parsed(source);
  const error = isRecord(value) ? value.error : undefined;
  return isRecord(error) && typeof error.message === "string" ? error.message : null;
}

function textOf(source: string): string {
  const value = parsed(source);
  const choices = isRecord(value) && Array.isArray(value.choices) ? (value.choices as unknown[]) : [];
  const choice = choices[0];
  const delta = isRecord(choice) ? choice.delta : undefined;
  return isRecord(delta) && typeof delta.content === "string" ? delta.content : "";
}
