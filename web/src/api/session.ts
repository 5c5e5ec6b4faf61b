/** Signing in and out. The answers go to the session store. */
import { visitor } from "../lib/visitor";
import { useSession } from "../live/session";
import { api, call } from "./client";
import { ApiError } from "./error";

/** Learns who is signed in, once: the page may say that nobody is, else the gateway is asked. */
export async function firstSession(): Promise<void> {
  const session = useSession.getState();
  if (session.state !== "unknown") return;
  const said = visitor();
  if (said === null || said.signedIn) await loadSession();
  else session.take({ authenticated: false, password_set: said.passwordSet });
}

/** Asks who is signed in. A refusal is an answer as well; no answer at all is thrown. */
export async function loadSession(): Promise<void> {
  try {
    useSession.getState().take(await call(api.GET("/api/dashboard/auth/session")));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    useSession.getState().take({ ...error.body, authenticated: false });
  }
}

export async function signIn(username: string, password: string): Promise<void> {
  useSession.getState().take({ username, ...(await call(api.POST("/api/dashboard/auth/login", { body: { username, password } }))), authenticated: true });
  await completed();
}

export async function signInWithLink(token: string): Promise<void> {
  useSession.getState().take({ ...(await call(api.POST("/api/dashboard/auth/link", { body: { token } }))), authenticated: true });
  await completed();
}

/** A link does not say whom it signs in. */
async function completed(): Promise<void> {
  const { csrfToken, username } = useSession.getState();
  if (csrfToken === null || username === null) await loadSession();
}

export async function signOut(): Promise<void> {
  await call(api.POST("/api/dashboard/auth/logout"));
  useSession.getState().take({ authenticated: false });
}
