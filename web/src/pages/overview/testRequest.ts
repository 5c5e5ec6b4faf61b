/**
 * One request to the built-in echo model. It takes the way of any client's request, and
 * the session lets it in; so it works wherever the dashboard does, and needs no key.
 */
import { fetchRaw } from "../../api/client";
import { ApiError, isRecord } from "../../api/error";

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
    readonly requestId: string | null,
  ) {
    super(message);
    this.name = "TestFailed";
  }
}

const PATH = "/api/dashboard/playground/chat";

export const TEST_BODY = {
  model: "echo",
  messages: [{ role: "user", content: "Hello. This sentence went through the gateway and came back." }],
  stream: true,
};

/**
 * Sends it and tells how far it is.
 *
 * Throws `TestFailed` when it was refused or broke off, an `ApiError` when nothing
 * answers, and the browser's own error when it was aborted.
 */
export async function sendTest({ signal, onProgress }: { signal: AbortSignal; onProgress: (progress: Progress) => void }): Promise<Progress> {
  const began = performance.now();
  const response = await fetchRaw(PATH, { method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(TEST_BODY) }).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status === 0) throw error;
    throw new TestFailed(messageOf(error.body) ?? error.message, error.requestId ?? null);
  });
  const requestId = response.headers.get("x-request-id");
  if (response.body === null) throw new TestFailed(`HTTP ${response.status}`, requestId);
  const progress: Progress = { status: response.status, text: "", first: null, total: 0, requestId };
  for await (const data of events(response.body)) {
    const value = parsed(data);
    const failure = messageOf(value);
    if (failure !== null) throw new TestFailed(failure, requestId);
    const text = textOf(value);
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
function messageOf(value: unknown): string | null {
  const error = isRecord(value) ? value.error : undefined;
  return isRecord(error) && typeof error.message === "string" ? error.message : null;
}

function textOf(value: unknown): string {
  const choices = isRecord(value) && Array.isArray(value.choices) ? (value.choices as unknown[]) : [];
  const choice = choices[0];
  const delta = isRecord(choice) ? choice.delta : undefined;
  return isRecord(delta) && typeof delta.content === "string" ? delta.content : "";
}
