import { useEffect, useState } from "react";

import type { StreamRow } from "./twoStream";

export type Speed = "1" | "4";

export type Playback = {
  /** How many rows are shown; all of them when null. */
  shown: number | null;
  playing: boolean;
  speed: Speed;
  setSpeed: (speed: Speed) => void;
  toggle: () => void;
  step: () => void;
  all: () => void;
};

/** Shows rows at the pace they came in, from the first one or from where it stands. */
export function usePlayback(rows: readonly StreamRow[]): Playback {
  const [shown, setShown] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<Speed>("1");
  const next = shown === null ? undefined : rows[shown];
  const before = shown === null || shown === 0 ? undefined : rows[shown - 1];
  const over = next === undefined;

  useEffect(() => {
    if (!playing || shown === null) return undefined;
    if (next === undefined) {
      const end = setTimeout(() => setPlaying(false), 0);
      return () => clearTimeout(end);
    }
    const wait = Math.max(0, (next.t_ms - (before?.t_ms ?? 0)) / Number(speed));
    const timer = setTimeout(() => {
      // Those of the same moment come together.
      let end = shown + 1;
      while ((rows[end]?.t_ms ?? Infinity) <= next.t_ms) end += 1;
      setShown(end);
    }, wait);
    return () => clearTimeout(timer);
  }, [playing, shown, next, before, speed, rows]);

  return {
    shown,
    playing: playing && !over,
    speed,
    setSpeed,
    toggle: () => {
      if (playing && !over) setPlaying(false);
      else {
        if (shown === null || over) setShown(0);
        setPlaying(true);
      }
    },
    step: () => {
      setPlaying(false);
      setShown(shown === null || over ? 1 : shown + 1);
    },
    all: () => {
      setPlaying(false);
      setShown(null);
    },
  };
}
