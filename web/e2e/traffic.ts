/** Requests as clients of the four formats send them, and a configuration under which they take many ways. */

import { type Gateway, startGateway } from "./gateway";

const LIMIT = 30_000; // ms of one request

export const CLIENT_KEY = "sk-test-e2e-0123456789abcdef";

/** A gateway in front of another one, whose echo models are its upstream. */
export async function startBusy(): Promise<Gateway> {
  const upstream = await startGateway();
  const gateway = await startGateway({ config: busyConfig(upstream.port) });
  return {
    ...gateway,
    remove: async () => {
      await gateway.remove();
      await upstream.remove();
    },
  };
}

/** `gone` is where nothing listens, so that there is something to fail over from. */
function busyConfig(port: number): string {
  return `# For tests of the dashboard.
host: 127.0.0.1
echo: on
dashboard:
  enabled: true
api-keys:
  - name: tests
    key: ${CLIENT_KEY}
  - name: narrow
    key: sk-test-e2e-narrow-0123456789
    allowed-models: ["echo*"]
    requests-per-minute: 2
openai-compatibility:
  - name: gone
    api-key: sk-upstream-gone
    base-url: http://127.0.0.1:9
    priority: 10
    models: [{id: echo, alias: assistant}]
  - name: other
    api-key: sk-upstream-other
    base-url: http://127.0.0.1:${port}
    models:
      - {id: echo, alias: assistant}
      - {id: echo-tools, alias: assistant-tools}
claude-api-key:
  - name: resting
    api-key: sk-ant-test
    base-url: http://127.0.0.1:9
    disabled: true
    models: [{id: claude-sonnet-4-5, alias: sonnet}]
model-rewrites:
  - {from: gpt-4o, to: assistant}
fallbacks:
  - {model: "sonnet", to: [assistant]}
payload:
  default:
    - models: [{name: "echo*", protocol: chat}]
      params: {temperature: 0.5}
capture:
  enabled: true
model-prices:
  echo: {input: 1, output: 2}
`;
}

type Shape = "chat" | "messages" | "responses" | "gemini";

export type Asked = { shape?: Shape; model?: string; text?: string; stream?: boolean; key?: string; tools?: boolean; headers?: Record<string, string> };

const TOOL = { name: "weather", description: "The weather in a town", parameters: { type: "object", properties: { town: { type: "string" } } } };

/** Sends one request and reads the whole answer; gives its status and text (empty when it broke off). */
export async function ask(url: string, { shape = "chat", model = "echo", text = "Hello there", stream = true, key = CLIENT_KEY, tools = false, headers = {} }: Asked = {}): Promise<{ status: number; text: string }> {
  const [path, body] = written(shape, model, text, stream, tools);
  const auth: Record<string, string> = shape === "messages" ? { "x-api-key": key, "anthropic-version": "2023-06-01" } : shape === "gemini" ? { "x-goog-api-key": key } : { authorization: `Bearer ${key}` };
  const response = await fetch(url + path, { method: "POST", headers: { "content-type": "application/json", ...auth, ...headers }, body: JSON.stringify(body), signal: AbortSignal.timeout(LIMIT) });
  return { status: response.status, text: await response.text().catch(() => "") };
}

function written(shape: Shape, model: string, text: string, stream: boolean, tools: boolean): [string, object] {
  const messages = [{ role: "user", content: text }];
  switch (shape) {
    case "chat":
      return ["/v1/chat/completions", { model, stream, messages, ...(tools && { tools: [{ type: "function", function: TOOL }] }) }];
    case "messages":
      return ["/v1/messages", { model, stream, max_tokens: 200, messages, ...(tools && { tools: [{ name: TOOL.name, description: TOOL.description, input_schema: TOOL.parameters }] }) }];
    case "responses":
      return ["/v1/responses", { model, stream, input: text, ...(tools && { tools: [{ type: "function", ...TOOL }] }) }];
    case "gemini": {
      const path = stream ? `/v1beta/models/${model}:streamGenerateContent?alt=sse` : `/v1beta/models/${model}:generateContent`;
      return [path, { contents: [{ role: "user", parts: [{ text }] }], ...(tools && { tools: [{ functionDeclarations: [TOOL] }] }) }];
    }
  }
}

/** What a day brings: all formats, streams and not, tools, reasoning, failover, refusals and streams that break. */
export async function someTraffic(url: string, rounds = 3): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all([
      ask(url, { text: `/wps 0 Round ${round}: the quick brown fox jumps over the lazy dog` }),
      ask(url, { shape: "messages", text: "/wps 0 What is the capital of France?" }),
      ask(url, { shape: "responses", text: "/wps 0 Write one line about the sea" }),
      ask(url, { shape: "gemini", text: "/wps 0 Count to three" }),
      ask(url, { stream: false, text: "Not a stream" }),
      ask(url, { model: "assistant", shape: "messages", text: "/wps 0 Over another upstream" }),
      ask(url, { model: "gpt-4o", text: "/wps 0 By another name" }),
      ask(url, { model: "echo-tools", tools: true, text: "/wps 0 Will it rain in Oslo?" }),
      ask(url, { model: "echo-parallel-tools", shape: "messages", tools: true, text: "/wps 0 And in Rome?" }),
      ask(url, { model: "echo-reasoning", shape: "messages", text: "/wps 0 Think about it" }),
      ask(url, { model: "echo-error-429", text: "Too much" }),
      ask(url, { model: "echo-error-midstream", shape: "messages", text: "/wps 0 This breaks in the middle of what it says" }),
      ask(url, { model: "echo-cut", text: "/wps 0 This is cut off" }),
      ask(url, { model: "no-such-model" }),
      ask(url, { key: "sk-wrong" }),
      ask(url, { model: "echo", key: "sk-test-e2e-narrow-0123456789", text: "/wps 0 Within the limit" }),
    ]);
  }
}

/** As many small requests as asked for, `abreast` at a time, as fast as they are answered. */
export async function flood(url: string, requests: number, abreast = 16): Promise<void> {
  let left = requests;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const { status } = await ask(url, { stream: false });
      if (status !== 200) throw new Error(`one of many requests was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: abreast }, one));
}
