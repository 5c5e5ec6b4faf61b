import { describe, expect, it } from "vitest";

import { AnswerReader, laidOut, type WireFormat } from "./answer";

const frames = (...documents: object[]) => documents.map((each) => `data: ${JSON.stringify(each)}\n\n`).join("");

const STREAMS: Record<WireFormat, string> = {
  chat:
    frames(
      { choices: [{ index: 0, delta: { role: "assistant", reasoning_content: "Hm." } }] },
      { choices: [{ index: 0, delta: { content: "Hel" } }] },
      { choices: [{ index: 0, delta: { content: "lo" } }] },
      { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: "c1", function: { name: "weather", arguments: '{"city":' } }] } }] },
      { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }], usage: { total_tokens: 3 } },
    ) + "data: [DONE]\n\n",
  messages: frames(
    { type: "message_start", message: { usage: { input_tokens: 3 } } },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm." } },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hello" } },
    { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "c1", name: "weather", input: {} } },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"city":"Paris"}' } },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
  ),
  responses: frames(
    { type: "response.reasoning_summary_text.delta", delta: "Hm." },
    { type: "response.output_text.delta", delta: "Hello" },
    { type: "response.output_item.added", output_index: 1, item: { type: "function_call", call_id: "c1", name: "weather", arguments: "" } },
    { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"city":"Paris"}' },
    { type: "response.completed", response: { status: "completed", usage: { total_tokens: 3 }, output: [] } },
  ),
  gemini: frames(
    { candidates: [{ content: { parts: [{ text: "Hm.", thought: true }, { text: "Hello" }] } }] },
    { candidates: [{ content: { parts: [{ functionCall: { id: "c1", name: "weather", args: { city: "Paris" } } }] }, finishReason: "STOP" }], usageMetadata: { totalTokenCount: 3 } },
  ),
};

describe.each(Object.entries(STREAMS) as [WireFormat, string][])("a stream of %s", (format, stream) => {
  it("is read to text, reasoning, calls, finish and usage", () => {
    const { reading } = new AnswerReader(format).whole(stream);
    expect(reading).toMatchObject({ text: "Hello", reasoning: "Hm.", error: null, calls: [{ id: "c1", name: "weather", arguments: '{"city":"Paris"}' }] });
    expect(reading.finish).not.toBeNull();
    expect(reading.usage).not.toBeNull();
  });

  it.each([1, 7, 64])("is read the same in pieces of %i", (size) => {
    const reader = new AnswerReader(format);
    for (let at = 0; at < stream.length; at += size) reader.feed(stream.slice(at, at + size));
    expect(reader.reading).toEqual(new AnswerReader(format).whole(stream).reading);
  });
});

it("reads whole answers", () => {
  const chat = JSON.stringify({ choices: [{ index: 0, message: { content: "Hi", tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }] }, finish_reason: "stop" }] });
  expect(new AnswerReader("chat").whole(chat).reading).toMatchObject({ text: "Hi", finish: "stop", calls: [{ name: "f", arguments: "{}" }] });
  const messages = JSON.stringify({ content: [{ type: "text", text: "Hi" }, { type: "tool_use", id: "a", name: "f", input: { b: 1 } }], stop_reason: "end_turn" });
  expect(new AnswerReader("messages").whole(messages).reading).toMatchObject({ text: "Hi", finish: "end_turn", calls: [{ arguments: '{"b":1}' }] });
  const responses = JSON.stringify({ status: "completed", output: [{ type: "message", content: [{ type: "output_text", text: "Hi" }] }, { type: "function_call", call_id: "a", name: "f", arguments: "{}" }] });
  expect(new AnswerReader("responses").whole(responses).reading).toMatchObject({ text: "Hi", finish: "completed", calls: [{ id: "a" }] });
  expect(new AnswerReader("gemini").whole(JSON.stringify([{ candidates: [{ content: { parts: [{ text: "Hi" }] } }] }])).reading.text).toBe("Hi");
});

it("reads errors, in the middle of a stream as well", () => {
  expect(new AnswerReader("chat").whole(frames({ choices: [{ delta: { content: "a" } }] }, { error: { message: "overloaded" } })).reading).toMatchObject({ text: "a", error: "overloaded" });
  expect(new AnswerReader("messages").whole(JSON.stringify({ type: "error", error: { type: "x", message: "no" } })).reading.error).toBe("no");
});

it("leaves out what it does not understand", () => {
  const reader = new AnswerReader("chat");
  reader.feed("data: {not json\n\nevent: x\n\n: comment\n\ndata: 3\n\n");
  expect(reader.reading).toEqual({ text: "", reasoning: "", calls: [], finish: null, usage: null, error: null });
  expect(laidOut("{no")).toBe("{no");
});
