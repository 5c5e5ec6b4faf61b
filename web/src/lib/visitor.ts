/**
 * What the gateway wrote into the page for whoever asked for it, so that a page without
 * a session need not ask in vain. It is of the moment the page was loaded: once anything
 * has been answered, the session store knows better.
 */
export type Visitor = { signedIn: boolean; passwordSet: boolean };

/** Null under the development server, which fills nothing in: then the gateway is to be asked. */
export function visitor(root: ParentNode = document): Visitor | null {
  const words = root.querySelector<HTMLMetaElement>('meta[name="aigw-visitor"]')?.content;
  if (words === undefined || words.startsWith("__")) return null;
  const said = new Set(words.split(" "));
  return { signedIn: said.has("signed-in"), passwordSet: said.has("password-set") };
}
