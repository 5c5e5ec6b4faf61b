/**
 * The live connection of this page, and the hooks that pages use:
 *
 *     const metrics = useLiveState("metrics");        // the newest value, or undefined
 *     const { rows, waiting, missing, release } = useLiveRows("request_log", { after, hold: scrolled });
 *     const every = usePollInterval();                // for refetchInterval: 5000 without a socket
 *
 * A hook holds its channel while the component is there. The shapes of the values
 * are the page's to check: they come from the gateway's own types (`api/schema.d.ts`).
 */
import { useEffect, useRef, useState } from "react";

import { api, call } from "../api/client";
import { loadSession } from "../api/session";
import type { Channel, RowChannel, StateChannel } from "./frames";
import { useLive } from "./live";
import type { Row } from "./rows";
import type { Span } from "./sequence";
import { useSession } from "./session";
import { LiveSocket, type Socket } from "./socket";

export { useLive } from "./live";
export type { LiveState, Point } from "./live";
export type { Row } from "./rows";
export type { Span } from "./sequence";

function address(ticket: string): string {
  const url = new URL("/ws/dashboard", location.origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("ticket", ticket);
  return url.href;
}

/** Only what the manager needs of a WebSocket. */
function plainSocket(web: WebSocket): Socket {
  const socket: Socket = { send: (text) => web.send(text), close: () => web.close(), onmessage: null, onclose: null };
  web.onmessage = (event: MessageEvent<unknown>) => socket.onmessage?.(event);
  web.onclose = (event) => socket.onclose?.(event);
  return socket;
}

export const liveSocket = new LiveSocket(
  {
    ticket: async () => (await call(api.POST("/api/dashboard/ws-ticket"))).ticket,
    open: (ticket) => plainSocket(new WebSocket(address(ticket))),
    renewSession: async () => {
      // An ordinary call renews the session, or asks the person, by itself.
      try {
        await call(api.POST("/api/dashboard/ws-ticket"));
        await loadSession();
        return useSession.getState().state === "signed-in";
      } catch {
        return false;
      }
    },
    online: () => navigator.onLine,
    now: () => Date.now(),
    random: () => Math.random(),
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer),
  },
  {
    status: (status) => useLive.getState().setStatus(status),
    hello: (version) => useLive.getState().hello(version),
    states: (states) => useLive.getState().takeStates(states, Date.now()),
    rows: (channel, rows) => useLive.getState().takeRows(channel, rows, Date.now()),
    missing: (channel, spans) => useLive.getState().setMissing(channel, spans),
    reset: (channel) => useLive.getState().reset(channel),
  },
);

/** Connects the socket to what the browser says; returns how to undo that. */
export function watchBrowser(): () => void {
  const visible = () => liveSocket.visibility(document.visibilityState === "visible");
  const network = () => liveSocket.network();
  document.addEventListener("visibilitychange", visible);
  window.addEventListener("online", network);
  window.addEventListener("offline", network);
  return () => {
    document.removeEventListener("visibilitychange", visible);
    window.removeEventListener("online", network);
    window.removeEventListener("offline", network);
  };
}

/** Holds a channel while the component is there. */
export function useChannel(channel: Channel, enabled = true): void {
  useEffect(() => (enabled ? liveSocket.hold(channel) : undefined), [channel, enabled]);
}

/** The newest value of a state channel; while paused, the one from before. */
export function useLiveState(channel: StateChannel): unknown {
  useChannel(channel);
  const paused = useLive((live) => live.paused);
  const value = useLive((live) => live.states[channel]);
  return useFrozen(value, paused);
}

export type HeldRows<T> = {
  /** Oldest first. */
  rows: readonly Row<T>[];
  /** How many more there are than shown. */
  waiting: number;
  missing: readonly Span[];
  /** Shows what waits, even while holding on. */
  release: () => void;
};

/**
 * The rows of a channel that follow `after`, the newest number of the page that was
 * loaded by REST; nothing is asked for until that is known. With `hold`, or while paused, the list stays as it is and
 * `waiting` counts. `T` is what the rows are; the caller vouches for it.
 */
export function useLiveRows<T>(channel: RowChannel, { after, hold = false }: { after: number | undefined; hold?: boolean }): HeldRows<T> {
  useEffect(() => {
    if (after === undefined) return undefined;
    liveSocket.startFrom(channel, after);
    return liveSocket.hold(channel);
  }, [channel, after]);
  const paused = useLive((live) => live.paused);
  const own = useLive((live) => live.channels[channel]);
  const [released, setReleased] = useState(0);
  const holding = hold || paused;
  const shown = useFrozen(own, holding, `${own.epoch}/${released}`);
  const last = Math.max(shown.rows.at(-1)?.seq ?? 0, after ?? 0);
  const waiting = holding ? countAfter(own.rows, last) : 0;
  return {
    rows: rowsAfter(shown.rows, after) as readonly Row<T>[],
    waiting,
    missing: shown.missing,
    release: () => setReleased((times) => times + 1),
  };
}

function rowsAfter(rows: readonly Row<unknown>[], after: number | undefined): readonly Row<unknown>[] {
  if (after === undefined) return [];
  return (rows[0]?.seq ?? after + 1) > after ? rows : rows.slice(rows.length - countAfter(rows, after));
}

function countAfter(rows: readonly Row<unknown>[], seq: number): number {
  let found = 0;
  for (let at = rows.length - 1; at >= 0 && (rows[at]?.seq ?? 0) > seq; at -= 1) found += 1;
  return found;
}

/** `value`, or what it was when `frozen` began; a new `key` takes the value anew. */
function useFrozen<T>(value: T, frozen: boolean, key = ""): T {
  const [kept, setKept] = useState({ value, frozen, key });
  if (!frozen) {
    if (kept.frozen) setKept({ value, frozen, key });
    return value;
  }
  if (!kept.frozen || kept.key !== key) {
    setKept({ value, frozen, key });
    return value;
  }
  return kept.value;
}

export const POLL_EVERY = 5_000; // ms

/** `refetchInterval` for a query that the live connection would keep fresh. */
export function usePollInterval(): number | false {
  return useLive((live) => (live.status.state === "polling" ? POLL_EVERY : false));
}

/**
 * Fills what was missed: calls `fetchSpan` for each missing span, one at a time,
 * newest first. It gives the rows of the span; those it leaves out do not exist.
 */
export function useGapFill(channel: RowChannel, fetchSpan: (span: Span) => Promise<readonly Row<unknown>[]>): void {
  const missing = useLive((live) => live.channels[channel].missing);
  const live = useLive((state) => state.status.state === "live");
  const busy = useRef(false);
  const fetcher = useRef(fetchSpan);
  useEffect(() => {
    fetcher.current = fetchSpan;
  });
  useEffect(() => {
    const span = missing.at(-1);
    if (span === undefined || !live || busy.current) return;
    busy.current = true;
    // Copied: the sequence goes on changing its own.
    const asked = { ...span };
    fetcher
      .current(asked)
      .then((rows) => {
        busy.current = false;
        liveSocket.filled(channel, asked, rows);
      })
      .catch(() => {
        // The page shows the hole and offers to load it; the next change tries again.
        busy.current = false;
      });
  }, [channel, missing, live]);
}
