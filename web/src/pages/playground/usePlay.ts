import { useCallback, useEffect, useRef, useState } from "react";

import { api, call } from "../../api/client";
import { fetchDetail, fetchStreams, type LogDetail } from "../../ui/request/data";
import type { Streams } from "../../ui/twoStream";
import { newId, play, type Play, type Sent } from "./play";

/** What the gateway has recorded of it, when it has. */
export type Recorded = { detail: LogDetail | null; streams: Streams | null; problem: string | null };

const NOTHING: Recorded = { detail: null, streams: null, problem: null };
const EVERY = 250; // ms between looks at the log, which is written behind the answer
const PATIENCE = 40; // looks
const DRAW_EVERY = 50; // ms

/** Runs one request at a time, and fetches what the log says of it afterwards. */
export function usePlay(onDone: (play: Play) => void) {
  const [state, setState] = useState<Play | null>(null);
  const [recorded, setRecorded] = useState<Recorded>(NOTHING);
  const abort = useRef<AbortController | null>(null);
  const done = useRef(onDone);
  useEffect(() => {
    done.current = onDone;
  });
  useEffect(() => () => abort.current?.abort(), []);

  const start = useCallback((sent: Sent) => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    setRecorded(NOTHING);
    const id = newId();
    let drawn = 0;
    const tell = (next: Play) => {
      if (abort.current !== own) return;
      // A fast stream would be drawn more often than anybody can see.
      const at = performance.now();
      if (next.state === "running" && at - drawn < DRAW_EVERY) return;
      drawn = at;
      setState(next);
    };
    void play(id, sent, own.signal, tell).then(async (ended) => {
      if (abort.current !== own) return;
      setState(ended);
      done.current(ended);
      if (ended.state === "failed") return;
      const found = await recordedOf(id, () => abort.current === own);
      if (found !== null && abort.current === own) setRecorded(found);
    });
  }, []);

  const stop = useCallback(() => abort.current?.abort(), []);
  return { state, recorded, start, stop };
}

async function recordedOf(id: string, wanted: () => boolean): Promise<Recorded | null> {
  for (let look = 0; look < PATIENCE && wanted(); look += 1) {
    try {
      if (await isLogged(id)) {
        const detail = await fetchDetail(id);
        if (detail.captured) return { detail, streams: await fetchStreams(id), problem: null };
        // Bodies are written on their own, a moment after the entry; a refusal has none.
        if (detail.entry.attempts === 0 || look === PATIENCE - 1) return { detail, streams: null, problem: detail.hint };
      }
    } catch (error) {
      return { ...NOTHING, problem: error instanceof Error ? error.message : String(error) };
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  return { ...NOTHING, problem: null };
}

/** Asked of the list: that it is not there yet is no failure. */
async function isLogged(id: string): Promise<boolean> {
  const { items } = await call(api.GET("/api/dashboard/logs", { params: { query: { text: id, limit: 1 } } }));
  return items[0]?.request_id === id;
}
