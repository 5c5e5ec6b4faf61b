/** What the address of this page may say besides `range`: nothing yet. */
export type Search = object;

export function validateSearch(): Search {
  return {};
}
