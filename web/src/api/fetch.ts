/**
 * The one `fetch` of the dashboard. It sends the cookie and the CSRF token, and
 * when the session has ended it renews it once without a word; if that fails it
 * waits until the person has signed in again (in a modal, the page stays), and
 * sends the call once more.
 */
import { ApiError, isRecord } from "./error";

export type SessionHooks = {
  csrfToken: () => string | null;
  /** Takes the answer of login, link, refresh and session. */
  renewed: (session: Record<string, unknown>) => void;
  /** Resolves with true when signed in again, with false when the person would not. */
  signInAgain: () => Promise<boolean>;
};

const PREFIX = "/api/dashboard";
const REFRESH = `${PREFIX}/auth/refresh`;

/** These answer 401 for reasons of their own. */
const NO_RENEWAL = new Set([`${PREFIX}/auth/login`, `${PREFIX}/auth/link`, `${PREFIX}/auth/session`, REFRESH, `${PREFIX}/auth/logout`]);
const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);

export function sessionFetch(hooks: SessionHooks, send: typeof fetch = (...call) => fetch(...call)): (request: Request) => Promise<Response> {
  let renewal: Promise<boolean> | null = null;
  let prompt: Promise<boolean> | null = null;

  function once(request: Request): Promise<Response> {
    const headers = new Headers(request.headers);
    const token = hooks.csrfToken();
    if (token !== null && CHANGES.has(request.method)) headers.set("x-csrf-token", token);
    headers.set("accept", headers.get("accept") ?? "application/json");
    return send(new Request(request, { headers, credentials: "same-origin", cache: "no-store" }));
  }

  async function renew(): Promise<boolean> {
    const response = await once(new Request(new URL(REFRESH, location.origin), { method: "POST" }));
    if (!response.ok) return false;
    const body: unknown = await response.json();
    if (isRecord(body)) hooks.renewed(body);
    return true;
  }

  return async (request) => {
    // A body can be read once only, and this one may be sent three times.
    const again = request.clone();
    const path = new URL(request.url).pathname;
    try {
      let response = await once(request);
      if (response.status !== 401 || NO_RENEWAL.has(path)) return response;
      renewal ??= renew().finally(() => {
        renewal = null;
      });
      if (await renewal) {
        response = await once(again.clone());
        if (response.status !== 401) return response;
      }
      prompt ??= hooks.signInAgain().finally(() => {
        prompt = null;
      });
      return (await prompt) ? await once(again) : response;
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw ApiError.unreachable(cause);
    }
  };
}
