/** How long to wait before the next try: 0.5 s doubling to 30 s, anywhere below (full jitter). */

const FIRST = 500;
const LONGEST = 30_000;

/** Milliseconds; `attempt` counts from 0, `random` is from 0 to 1. */
export function backoff(attempt: number, random: number): number {
  return Math.round(Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 16)) * random);
}
