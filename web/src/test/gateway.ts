/**
 * Stands for the network in component tests: what the gateway would answer.
 *
 *     const gateway = answer({ "GET /api/dashboard/keys": { keys: [] } });
 *     expect(gateway.calls).toContainEqual({ method: "DELETE", path: "/api/dashboard/keys/1", ... });
 *
 * A call that is not listed answers 404 and fails the test that looks at `unknown`.
 */
import { vi } from "vitest";

type Made = Response | object;
type Making = (request: Request, body: unknown) => Made;
export type Answer = Made | Making;

export type Call = { method: string; path: string; search: string; headers: Headers; body: unknown };

export type Gateway = { calls: Call[]; unknown: string[] };

export function json(status: number, body: object): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", "x-request-id": "req-test" } });
}

export function answer(answers: Record<string, Answer>): Gateway {
  const gateway: Gateway = { calls: [], unknown: [] };
  vi.stubGlobal("fetch", async (input: Request | URL | string, init?: RequestInit) => {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    gateway.calls.push({ method: request.method, path: pathname, search, headers: request.headers, body });
    const found = answers[`${request.method} ${pathname}`];
    if (found === undefined) {
      gateway.unknown.push(`${request.method} ${pathname}`);
      return json(404, { error: "not_found", message: "not in this test" });
    }
    const made = typeof found === "function" ? (found as Making)(request, body) : found;
    return made instanceof Response ? made.clone() : json(200, made);
  });
  return gateway;
}
