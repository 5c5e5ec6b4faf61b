import { useEffect, useRef } from "react";

/**
 * Calls `run` when `value` has changed, at most every `every` ms; a change in between
 * is not lost, it waits for the end of that time. The first value is no change.
 */
export function useTrailing(value: unknown, every: number, run: () => void): void {
  const latest = useRef(run);
  const last = useRef<{ value: unknown; at: number } | null>(null);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    if (last.current === null) {
      last.current = { value, at: 0 };
      return undefined;
    }
    if (Object.is(last.current.value, value)) return undefined;
    const wait = Math.max(0, last.current.at + every - Date.now());
    const timer = setTimeout(() => {
      last.current = { value, at: Date.now() };
      latest.current();
    }, wait);
    return () => clearTimeout(timer);
  }, [value, every]);
}
