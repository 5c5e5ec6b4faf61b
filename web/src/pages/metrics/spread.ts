/** What can be said of a distribution that is known in buckets. */
import type { Schemas } from "../../api/client";

export type Bucket = Schemas["Bucket"];

/** The buckets from the first to the last that has something; none when all are empty. */
export function used(buckets: readonly Bucket[]): Bucket[] {
  const first = buckets.findIndex((bucket) => bucket.count > 0);
  const last = buckets.findLastIndex((bucket) => bucket.count > 0);
  return first === -1 ? [] : buckets.slice(first, last + 1);
}

/** The bucket that the `share`-th value lies in. */
export function holding(buckets: readonly Bucket[], share: number): Bucket | null {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  if (total === 0) return null;
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (seen >= total * share) return bucket;
  }
  return null;
}
