import { useEffect, useState } from "react";

/** The time in Unix ms, anew every `every` ms while `enabled`: for clocks that run. */
export function useNow(every: number, enabled = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!enabled) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every, enabled]);
  return now;
}
