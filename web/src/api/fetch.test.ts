import { describe, expect, it, vi } from "vitest";

import { json } from "../test/gateway";
import { ApiError, fieldError } from "./error";
import { sessionFetch, type SessionHooks } from "./fetch";

const URL_ = new URL("/api/dashboard/keys", location.origin);

function world(statuses: number[], { refresh = true, again = true } = {}) {
  const sent: string[] = [];
  const bodies: string[] = [];
  const tokens: (string | null)[] = [];
  let token = "old";
  const hooks: SessionHooks = {
    csrfToken: () => token,
    renewed: (session) => {
      token = String(session.csrf_token);
    },
    signInAgain: vi.fn(() => Promise.resolve(again)),
  };
  const send: typeof fetch = async (input) => {
    const request = input as Request;
    const path = new URL(request.url).pathname.replace("/api/dashboard", "");
    sent.push(`${request.method} ${path}`);
    tokens.push(request.headers.get("x-csrf-token"));
    if (path === "/auth/refresh") return refresh ? json(200, { csrf_token: "new" }) : json(401, { error: "token_expired" });
    bodies.push(await request.text());
    return json(statuses.shift() ?? 200, { error: "x" });
  };
  return { fetch: sessionFetch(hooks, send), hooks, sent, bodies, tokens };
}

const change = () => new Request(URL_, { method: "POST", body: '{"name":"ci"}', headers: { "content-type": "application/json" } });

describe("a session that has ended", () => {
  it("is renewed once, and the same call sent again with the new token", async () => {
    const { fetch: call, sent, bodies, tokens, hooks } = world([401, 200]);
    expect((await call(change())).status).toBe(200);
    expect(sent).toEqual(["POST /keys", "POST /auth/refresh", "POST /keys"]);
    expect(bodies).toEqual(['{"name":"ci"}', '{"name":"ci"}']);
    expect(tokens).toEqual(["old", "old", "new"]);
    expect(hooks.signInAgain).not.toHaveBeenCalled();
  });

  it("is renewed by one of many calls at once", async () => {
    const { fetch: call, sent } = world([401, 401, 401]);
    await Promise.all([call(change()), call(change()), call(change())]);
    expect(sent.filter((each) => each.endsWith("refresh"))).toHaveLength(1);
  });

  it("that cannot be renewed asks the person once, then goes on", async () => {
    const { fetch: call, sent, hooks } = world([401, 401, 200, 200], { refresh: false });
    const both = await Promise.all([call(change()), call(change())]);
    expect(both.map((response) => response.status)).toEqual([200, 200]);
    expect(hooks.signInAgain).toHaveBeenCalledTimes(1);
    expect(sent.filter((each) => each === "POST /keys")).toHaveLength(4);
  });

  it("stays ended when the person would not", async () => {
    const { fetch: call } = world([401], { refresh: false, again: false });
    expect((await call(change())).status).toBe(401);
  });
});

it("does not renew for the calls that sign in", async () => {
  const { fetch: call, sent } = world([401]);
  await call(new Request(new URL("/api/dashboard/auth/login", location.origin), { method: "POST", body: "{}" }));
  expect(sent).toEqual(["POST /auth/login"]);
});

it("sends no token where nothing changes", async () => {
  const { fetch: call, tokens } = world([200]);
  await call(new Request(URL_));
  expect(tokens).toEqual([null]);
});

it("calls no answer an error of its own kind", async () => {
  const call = sessionFetch({ csrfToken: () => null, renewed: () => undefined, signInAgain: () => Promise.resolve(false) }, () => Promise.reject(new TypeError("refused")));
  await expect(call(new Request(URL_))).rejects.toMatchObject({ status: 0, error: "unreachable" });
});

describe("errors", () => {
  it("carry code, fields, version and request id", async () => {
    const error = await ApiError.fromResponse(json(422, { error: "validation_failed", message: "no", fields: [{ path: "/name", message: "must not be empty" }, { nonsense: 1 }], version: "v2" }));
    expect(error).toMatchObject({ status: 422, error: "validation_failed", message: "no", version: "v2", requestId: "req-test" });
    expect(fieldError(error, "/name")).toBe("must not be empty");
    expect(fieldError(error, "/other")).toBeUndefined();
  });

  it("take what a proxy wrote for the message", async () => {
    const error = await ApiError.fromResponse(new Response("<h1>Bad gateway</h1>", { status: 502 }));
    expect(error).toMatchObject({ status: 502, message: "<h1>Bad gateway</h1>" });
  });
});
