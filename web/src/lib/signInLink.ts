/**
 * The token of a one-time sign-in link (`/dashboard/login#link=...`), or null. The
 * fragment goes from the address at once, so that it stays neither in the history
 * nor in what is copied.
 */
export function takeLinkToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("link");
  if (token === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return token === "" ? null : token;
}
