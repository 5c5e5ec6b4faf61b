/**
 * Which rows of a numbered channel have come, and which are missing.
 *
 * Theory: rows have the numbers of their store, rising by one. `newest` is the
 * highest number that is accounted for; every number up to it, from the first
 * that concerns us, has either been taken or lies in a span of `missing`. So a
 * row is new when it is above `newest` or in a missing span, and a double
 * otherwise; what is skipped over becomes missing, whether or not the gateway
 * sent a gap frame for it.
 */

/** Both ends belong to it. */
export type Span = { from: number; to: number };

const MOST_SPANS = 256;

export class Sequence {
  private last: number | null = null;
  private spans: Span[] = [];

  get newest(): number | null {
    return this.last;
  }

  get missing(): readonly Span[] {
    return this.spans;
  }

  /**
   * The gateway's newest number, said at the start of a connection. Returns true
   * when the store has begun anew: the rows kept so far belong to the old one.
   */
  hello(newest: number): boolean {
    if (this.last === null) {
      // Nothing was seen before: what is older is not "missing", pages load it.
      this.last = newest;
      return false;
    }
    if (newest >= this.last) return false;
    this.last = newest;
    this.spans = newest > 0 ? [{ from: 1, to: newest }] : [];
    return true;
  }

  /** A page of the past was loaded that ends with `seq`: what is older is not missing. */
  startFrom(seq: number): void {
    if (this.last === null || seq > this.last) this.last = seq;
    this.remove(0, seq);
  }

  /** Whether the row is new; it counts as taken from now on. */
  take(seq: number): boolean {
    if (this.last === null || seq > this.last) {
      if (this.last !== null && seq > this.last + 1) this.miss(this.last + 1, seq - 1);
      this.last = seq;
      return true;
    }
    return this.remove(seq, seq);
  }

  /** A gap frame: these rows will not come by themselves. Returns whether any is wanted. */
  gap(from: number, to: number): boolean {
    if (to < from) return false;
    const start = this.last === null ? from : Math.max(from, this.last + 1);
    if (start <= to) {
      // Numbers between what we have and the gap were skipped as well.
      this.miss(this.last === null ? start : this.last + 1, to);
      this.last = to;
    }
    return this.spans.some((span) => span.from <= to && span.to >= from);
  }

  /** The store was asked about these: what it did not give does not exist. */
  settle(from: number, to: number): void {
    this.remove(from, to);
  }

  private miss(from: number, to: number): void {
    const before = this.spans.at(-1);
    if (before !== undefined && before.to + 1 >= from) before.to = Math.max(before.to, to);
    else this.spans.push({ from, to });
    // So many holes are of no use to anyone: the oldest are let go.
    if (this.spans.length > MOST_SPANS) this.spans.shift();
  }

  private remove(from: number, to: number): boolean {
    let hit = false;
    this.spans = this.spans.flatMap((span) => {
      if (span.to < from || span.from > to) return [span];
      hit = true;
      const rest: Span[] = [];
      if (span.from < from) rest.push({ from: span.from, to: from - 1 });
      if (span.to > to) rest.push({ from: to + 1, to: span.to });
      return rest;
    });
    return hit;
  }
}
