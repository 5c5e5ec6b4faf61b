/**
 * Typed calls to the gateway:
 *
 *     const session = await call(api.GET("/api/dashboard/auth/session"));
 *
 * `call` gives the answer or throws an `ApiError`. Paths and shapes are those of
 * `web/openapi.json`; `npm run types` writes `schema.d.ts` from it.
 */
import createClient from "openapi-fetch";

import { useSession } from "../live/session";
import { ApiError, isRecord } from "./error";
import { sessionFetch } from "./fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

const send = sessionFetch({
  csrfToken: () => useSession.getState().csrfToken,
  renewed: (session) => useSession.getState().take(session),
  signInAgain: () => useSession.getState().signInAgain(),
});

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

type Answer<T> = { data?: T; error?: unknown; response: Response };

export async function call<T>(pending: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await pending;
  if (response.ok) return data as T;
  const id = response.headers.get("x-request-id") ?? undefined;
  const body = isRecord(error) ? error : { error: "unknown", message: typeof error === "string" && error !== "" ? error.slice(0, 300) : `HTTP ${response.status}` };
  throw new ApiError(response.status, body, id);
}

/** The response whatever its status, for what answers in a format that is not the dashboard's own. */
export function fetchAny(path: string, init?: RequestInit): Promise<Response> {
  return send(new Request(new URL(path, location.origin), init));
}

/** For what is not JSON, such as an export: the response as it is, when it is a good one. */
export async function fetchRaw(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetchAny(path, init);
  if (!response.ok) throw await ApiError.fromResponse(response);
  return response;
}
