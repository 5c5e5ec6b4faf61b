import { useEffect, useState } from "react";

/** The time in Unix ms, anew every `every` ms while `enabled`: for clocks that run. */
export function useNow(every: number, enabled = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!enabled) return undefined;
    const tick = () => setNow(Date.now());
    // At once as well, but not within the effect: it may have stood still for long.
    const first = setTimeout(tick, 0);
    const timer = setInterval(tick, every);
    return () => {
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [every, enabled]);
  return now;
}
