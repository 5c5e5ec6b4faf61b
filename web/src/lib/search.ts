/**
 * Search parameters as plain text both ways: `?q=status:429` means just that, and
 * an id made of digits stays text. What each page allows is in its `search.ts`.
 */

export type RawSearch = Record<string, unknown>;

export function parseSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export function stringifySearch(search: RawSearch): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (typeof value === "string" && value !== "") parameters.set(key, value);
    else if (typeof value === "number" || value === true) parameters.set(key, String(value));
  }
  // These need no escape in a query, and addresses are read by people.
  const text = parameters.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%2A", "*");
  return text === "" ? "" : `?${text}`;
}

/** A text parameter, bounded so that no address can carry a page away. */
export function textParam(search: RawSearch, key: string, limit = 500): string | undefined {
  const value = search[key];
  return typeof value === "string" && value !== "" && value.length <= limit ? value : undefined;
}

/** One of a few words. */
export function wordParam<W extends string>(search: RawSearch, key: string, allowed: readonly W[]): W | undefined {
  return allowed.find((word) => word === search[key]);
}

/**
 * What a page allows, as its search. What it does not stays there as undefined: the
 * router lays this over what the address says, and would let through what is left out.
 */
export function allowed<T extends object>(values: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return values;
}
