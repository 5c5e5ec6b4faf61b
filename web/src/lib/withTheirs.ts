/** `mine`, with the fields of `names` as in `theirs`. */
export function withTheirs<F extends object>(mine: F, theirs: F, names: ReadonlySet<keyof F>): F {
  const found = { ...mine };
  for (const name of names) found[name] = theirs[name];
  return found;
}
