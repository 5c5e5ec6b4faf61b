/**
 * The token of a one-time sign-in link (`/dashboard/login#link=...`). The fragment
 * goes from the address at once, so that it stays neither in the history nor in
 * what is copied.
 */

let using = false;

function inAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("link");
}

/** Whether one is about to be used: then there is no need to ask who is signed in. */
export function linkPending(): boolean {
  return using || inAddress() !== null;
}

/** The token, or null; call `linkUsed` when the gateway has answered. */
export function takeLinkToken(): string | null {
  const token = inAddress();
  if (token === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  using = token !== "";
  return using ? token : null;
}

export function linkUsed(): void {
  using = false;
}
