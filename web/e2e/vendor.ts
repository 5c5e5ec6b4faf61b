/** A vendor that means harm: it speaks Chat Completions, and puts markup wherever it may say something. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** Markup that is seen to have become more than text: by what it runs, by what it fetches, and by being an element. No quotes, so that JSON shows it as it is. */
export function evil(place: string): string {
  return `<img data-evil=${place} src=/stolen onerror=window.__pwned=1><script data-evil=${place}>window.__pwned=1</script><svg data-evil=${place} onload=window.__pwned=1></svg>`;
}

/** The same, as short as names should be. */
export function evilName(place: string): string {
  return `<img data-evil=${place} src=/stolen onerror=__pwned=1>`;
}

export type Vendor = {
  url: string;
  /** The paths it was asked for. */
  asked: string[];
  close: () => Promise<void>;
};

/** What models it has, by what they do. */
export const MODELS = { talk: evilName("talk"), refuse: evilName("refuse"), page: evilName("page"), broken: evilName("broken") } as const;

export async function startVendor(): Promise<Vendor> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader("x-vendor", evil("upstream-header"));
  // As odd as a name may be.
  response.setHeader("x-'`|!#$%&*+.^_~", "odd");
  const json = (status: number, value: object) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  if (request.method === "GET") {
    json(200, { object: "list", data: Object.values(MODELS).map((id) => ({ id, object: "model", owned_by: evil("owner") })) });
    return;
  }
  let body = "";
  for await (const piece of request) body += String(piece);
  const { model, stream = false } = JSON.parse(body) as { model: string; stream?: boolean };
  if (model === MODELS.refuse) {
    json(400, { error: { message: evil("error-message"), type: evil("error-type"), code: evil("error-code"), param: null } });
    return;
  }
  if (model === MODELS.page) {
    response.writeHead(503, { "content-type": "text/html" });
    response.end(`<!doctype html><title>${evil("error-title")}</title><body>${evil("error-page")}</body>`);
    return;
  }
  const call = { id: evilName("call-id"), type: "function", function: { name: evilName("call-name"), arguments: JSON.stringify({ [evilName("argument")]: evil("argument-value") }) } };
  const said = { role: "assistant", reasoning_content: evil("reasoning"), content: evil("answer"), tool_calls: [call] };
  const about = { id: evilName("answer-id"), created: 1735689600, model: evilName("answer-model") };
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, [evilName("usage")]: 4 };
  if (!stream) {
    json(200, { ...about, object: "chat.completion", choices: [{ index: 0, message: said, finish_reason: "tool_calls" }], usage });
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (delta: object, finish: string | null = null) => response.write(`data: ${JSON.stringify({ ...about, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }], usage: finish === null ? null : usage })}\n\n`);
  event({ role: "assistant", reasoning_content: said.reasoning_content });
  event({ content: said.content });
  if (model === MODELS.broken) {
    response.write(`data: ${JSON.stringify({ error: { message: evil("stream-error"), type: evil("stream-error-type") } })}\n\n`);
    response.end();
    return;
  }
  event({ tool_calls: [{ index: 0, ...call }] });
  event({}, "tool_calls");
  response.end("data: [DONE]\n\n");
}
