import { describe, expect, it } from "vitest";

import { parseFilter, writeFilter, writeTerm } from "../../lib/filter";
import { entry } from "../../test/requests";
import { filterFields, matchesQuery, toQuery } from "./filterQuery";

const FIELDS = filterFields({});
const asked = (text: string) => toQuery(parseFilter(text, FIELDS));

describe("a filter as a question to the gateway", () => {
  it("says all that the gateway can be asked", () => {
    const text = "status:4xx provider:openai credential:a model:gpt-* served:s key:k format:chat upstream:messages endpoint:count error:timeout stream:yes failed:no retried:yes latency:>1.5s ttft:>500 cost:>0.02 some words";
    const { query, ignored } = asked(text);
    expect(ignored).toEqual([]);
    expect(query).toEqual({
      status: "4xx", provider: "openai", credential: "a", model: "gpt-*", served_model: "s", key: "k", format: "chat", upstream_format: "messages", endpoint: "count", error: "timeout",
      stream: true, failed: false, retried: true, min_latency_ms: 1500, min_first_content_ms: 500, min_cost: 0.02, text: "some words",
    });
    expect(writeFilter(parseFilter(text, FIELDS))).toBe(text);
  });

  it.each(["-model:a", "status:abc", "latency:<5", "retried:no", "stream:perhaps", "latency:5", "cost:>much"])("names what it cannot say: %s", (text) => {
    const { query, ignored } = asked(text);
    expect(query).toEqual({});
    expect(ignored.map(writeTerm)).toEqual([text]);
  });

  it("takes the first of two that contradict each other", () => {
    expect(asked("model:a model:b").query).toEqual({ model: "a" });
    expect(asked("model:a model:b").ignored.map(writeTerm)).toEqual(["model:b"]);
  });
});

describe("a row that came live", () => {
  const row = entry(1, { model: "gpt-4o", status: 429, attempts: 2, latency_ms: 700, first_content_ms: null, cost: null, error: "rate_limit", path: "/v1/chat/completions" });

  it.each(["model:gpt-*", "status:429", "status:4xx", "retried:yes", "latency:>500", "stream:yes", "rate", "req-1", "chat comp", "error:rate_limit"])("is shown with %s", (text) => {
    expect(matchesQuery(row, asked(text).query)).toBe(true);
  });

  it.each(["model:claude-*", "status:200", "status:5xx", "latency:>800", "ttft:>1", "cost:>0", "stream:no", "failed:yes", "ate", "words that are nowhere"])("is not shown with %s", (text) => {
    expect(matchesQuery(row, asked(text).query)).toBe(false);
  });
});
