/** Where the page's records come from: pages of the past by cursor, then the live channel. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";

import { api, call } from "../../api/client";
import { liveSocket, type Row, type Span, useGapFill, useLiveRows, usePollInterval } from "../../live";
import { type Line, lines, type LogRecord, type Wanted } from "./records";

const PAGE = 200;
const MOST = 1000; // of one answer
const MOST_SAVED = 10_000; // as many as the gateway keeps

function query(wanted: Wanted) {
  return {
    ...(wanted.level !== undefined && { level: wanted.level }),
    ...(wanted.logger !== undefined && { logger: wanted.logger }),
    ...(wanted.q !== undefined && { search: wanted.q }),
    ...(wanted.request !== undefined && { request_id: wanted.request }),
  };
}

/** All records of a span, whatever is meant: the sequence counts them all. */
async function fetchSpan({ from, to }: Span): Promise<readonly Row<LogRecord>[]> {
  const found: Row<LogRecord>[] = [];
  let before = to + 1;
  for (;;) {
    const page = await call(api.GET("/api/dashboard/system/logs", { params: { query: { after: from - 1, before, limit: MOST } } }));
    found.push(...page.logs.map((record) => ({ seq: record.seq, data: record })));
    const oldest = page.logs.at(-1)?.seq;
    if (page.logs.length < MOST || oldest === undefined || oldest <= from) return found;
    before = oldest;
  }
}

/** What is meant, the newest first, as far back as it is kept. */
export async function fetchAll(wanted: Wanted): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  let before: number | null = null;
  do {
    const page: Awaited<ReturnType<typeof fetchPage>> = await fetchPage(wanted, before, MOST);
    found.push(...page.logs);
    before = page.before;
  } while (before !== null && found.length < MOST_SAVED);
  return found;
}

function fetchPage(wanted: Wanted, before: number | null, limit: number) {
  return call(api.GET("/api/dashboard/system/logs", { params: { query: { ...query(wanted), limit, ...(before !== null && { before }) } } }));
}

export type Logs = ReturnType<typeof useLogs>;

/** With `hold` the list stays as it is, and `waiting` counts what came since. */
export function useLogs(wanted: Wanted, hold: boolean) {
  const pages = useInfiniteQuery({
    queryKey: ["logs", wanted],
    queryFn: ({ pageParam }) => fetchPage(wanted, pageParam, PAGE),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.before,
    refetchInterval: usePollInterval(),
    // What comes after is the live channel's: to ask anew would only lose one's place.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const first = pages.data?.pages[0];
  const live = useLiveRows<LogRecord>("log", { after: first?.newest, hold });
  useGapFill("log", fetchSpan);
  const loaded = useMemo(() => (pages.data?.pages ?? []).flatMap((page) => page.logs).reverse(), [pages.data]);
  const all = useMemo<Line[]>(() => lines(loaded, live.rows, live.missing, wanted), [loaded, live.rows, live.missing, wanted]);
  const [filling, setFilling] = useState(false);
  const fill = useCallback(async (span: Span) => {
    setFilling(true);
    try {
      liveSocket.filled("log", span, await fetchSpan(span));
    } finally {
      setFilling(false);
    }
  }, []);
  return {
    pages,
    lines: all,
    waiting: live.waiting,
    release: live.release,
    dropped: first?.dropped ?? 0,
    /** Whether there is any record at all, meant or not. */
    any: (first?.newest ?? 0) > 0 || live.rows.length > 0,
    fill,
    filling,
  };
}
