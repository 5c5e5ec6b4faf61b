import { type InfiniteData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

import { api, call } from "../../api/client";
import type { ApiError } from "../../api/error";
import type { components } from "../../api/schema";
import { bounds, type Range } from "../../lib/range";
import { liveSocket, useGapFill, useLive, useLiveRows, useLiveState, usePollInterval } from "../../live";
import type { Row } from "../../live/rows";
import type { Span } from "../../live/sequence";
import type { Entry } from "../../ui/request/data";
import { type LogQuery, matchesQuery } from "./filterQuery";
import { listRows, mayMatch, readRunning, type RunningRequest } from "./rows";

export type LogPage = components["schemas"]["LogPage"];

const PAGE = 100;
/** Rows of a hole that is filled without being asked to. */
const SMALL_GAP = 200;
const SPAN_PAGE = 200;

type Cursor = { before: number | null; from: number; to: number | null };

/** The list: pages from the log, and what has come live since. */
export function useRequests(range: Range, rangeText: string, query: LogQuery, hold: boolean) {
  const key = JSON.stringify(query);
  const poll = usePollInterval();
  const pages = useInfiniteQuery<LogPage, ApiError, InfiniteData<LogPage, Cursor | null>, string[], Cursor | null>({
    queryKey: ["logs", "list", rangeText, key],
    initialPageParam: null,
    queryFn: async ({ pageParam }) => {
      const at = bounds(range, Date.now());
      const cursor = pageParam ?? { before: null, from: at.from, to: range.kind === "between" ? at.to : null };
      return call(
        api.GET("/api/dashboard/logs", {
          params: {
            query: { ...query, limit: PAGE, from: Math.floor(cursor.from), ...(cursor.to !== null && { to: Math.ceil(cursor.to) }), ...(cursor.before !== null && { before: cursor.before }) },
          },
        }),
      );
    },
    getNextPageParam: (last, _all, before) => {
      if (last.before === null) return undefined;
      const at = bounds(range, Date.now());
      return { before: last.before, from: before?.from ?? at.from, to: range.kind === "between" ? at.to : null };
    },
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchInterval: range.kind === "last" ? poll : false,
  });
  const open = range.kind === "last";
  const after = pages.data?.pages[0]?.newest;
  const held = useLiveRows<Entry>("request_log", { after: open ? after : undefined, hold });
  useGapFill("request_log", (span) => (span.to - span.from < SMALL_GAP ? fetchSpan(span) : Promise.reject(new Error("too many to load unasked"))));

  const all = useLive((live) => live.channels.request_log.rows) as readonly Row<Entry>[];
  const lastShown = Math.max(held.rows.at(-1)?.seq ?? 0, after ?? 0);
  const waiting = useMemo(() => (open && after !== undefined && held.waiting > 0 ? all.filter((row) => row.seq > lastShown && matchesQuery(row.data, query)).length : 0), [open, after, held.waiting, all, lastShown, query]);

  const live = useMemo(() => (open ? held.rows.filter((row) => matchesQuery(row.data, query)) : []), [open, held.rows, query]);
  const { running, seen } = useRunning(live, open && pages.data !== undefined, query, hold);
  const older = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data]);
  const ended = pages.data !== undefined && !pages.hasNextPage;
  const rows = useMemo(() => listRows({ running, live, missing: open ? held.missing : [], pages: older, ended, seen }), [running, live, open, held.missing, older, ended, seen]);
  return { pages, rows, waiting, release: held.release, retention: pages.data?.pages[0]?.retention };
}

/** All rows of a span, asked for by their numbers. */
export async function fetchSpan(span: Span): Promise<Row<Entry>[]> {
  const rows: Row<Entry>[] = [];
  let before = span.to + 1;
  for (;;) {
    // Between two numbers the gateway gives the newest first: the way leads down.
    const page = await call(api.GET("/api/dashboard/logs", { params: { query: { after: span.from - 1, before, limit: SPAN_PAGE } } }));
    rows.push(...page.items.map((data) => ({ seq: data.seq, data })));
    const oldest = page.items.at(-1)?.seq;
    if (oldest === undefined || oldest <= span.from || page.items.length < SPAN_PAGE) return rows;
    before = oldest;
  }
}

/** Loads what was not shown live, because somebody wants to see it. */
export async function loadSpan(span: Span): Promise<void> {
  liveSocket.filled("request_log", span, await fetchSpan(span));
}

const LINGER = 3_000; // ms; until the row of a request that has ended must have come

/** Requests in progress. One that has ended stays until its row is there. */
function useRunning(live: readonly Row<Entry>[], enabled: boolean, query: LogQuery, hold: boolean) {
  const value = useLiveState("running");
  const [state, setState] = useState<{ value: unknown; shown: RunningRequest[]; gone: ReadonlySet<string>; seen: ReadonlySet<string> }>({ value: undefined, shown: [], gone: new Set(), seen: new Set() });
  if (state.value !== value) {
    const now = readRunning(value);
    const ids = new Set(now.map((each) => each.request_id));
    const left = state.shown.filter((each) => !ids.has(each.request_id));
    const seen = now.every((each) => state.seen.has(each.request_id)) ? state.seen : new Set([...state.seen, ...ids].slice(-5_000));
    setState({ value, shown: [...now, ...left], gone: new Set(left.map((each) => each.request_id)), seen });
  }
  const { gone } = state;
  useEffect(() => {
    if (gone.size === 0) return undefined;
    const timer = setTimeout(() => setState((before) => ({ ...before, shown: before.shown.filter((each) => !gone.has(each.request_id)), gone: new Set() })), LINGER);
    return () => clearTimeout(timer);
  }, [gone]);
  const ended = useMemo(() => new Set(live.map((row) => row.data.request_id)), [live]);
  // While the list stands still, one that has ended would only vanish.
  const running = useMemo(
    () => (enabled ? state.shown.filter((each) => !ended.has(each.request_id) && !(hold && state.gone.has(each.request_id)) && mayMatch(each, query)) : []),
    [enabled, state, ended, hold, query],
  );
  return { running, seen: state.seen };
}
