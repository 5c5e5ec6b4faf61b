/** What the page shows: asked for once, and anew when the gateway has done something. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, call, type Schemas } from "../../api/client";
import type { Range } from "../../lib/range";
import { useRange } from "../../lib/useRange";
import { useTrailing } from "../../lib/useTrailing";
import { useChannel, useLive, usePollInterval } from "../../live";
import { useRangeLabel } from "../../ui/rangeLabel";

export type Overview = Schemas["Overview"];

const REFRESH = 2_000; // ms: not more often, however much is going on
const TICK = 15_000; // ms: the window moves on by itself
const SHORTEST = 60; // s, as is the next: what the gateway takes
const LONGEST = 604_800;

export type Window = {
  range: Range;
  /** In words. */
  label: string;
  /** As the address has it. */
  text: string;
  seconds: number;
  /** Unix ms; undefined: now. */
  to: number | undefined;
};

/** The range of the address, as far as the gateway can show it. */
export function useWindow(): Window {
  const { range, text } = useRange();
  const fitting = useMemo<Range>(() => {
    const seconds = range.kind === "last" ? range.seconds : Math.round((range.to - range.from) / 1000);
    const clamped = Math.min(LONGEST, Math.max(SHORTEST, seconds));
    if (clamped === seconds) return range;
    return range.kind === "last" ? { kind: "last", seconds: clamped } : { kind: "between", from: range.to - clamped * 1000, to: range.to };
  }, [range]);
  const label = useRangeLabel(fitting);
  return {
    range: fitting,
    label,
    text,
    seconds: fitting.kind === "last" ? fitting.seconds : Math.round((fitting.to - fitting.from) / 1000),
    to: fitting.kind === "last" ? undefined : Math.ceil(fitting.to),
  };
}

export function useOverview({ seconds, to }: Window) {
  const queries = useQueryClient();
  const paused = useLive((live) => live.paused);
  const poll = usePollInterval();
  const moving = to === undefined && !paused;
  const query = useQuery({
    queryKey: ["overview", seconds, to],
    queryFn: () => call(api.GET("/api/dashboard/overview", { params: { query: { window: seconds, ...(to !== undefined && { to }) } } })),
    refetchInterval: moving && (poll === false ? TICK : poll),
  });
  const flow = useQuery({
    queryKey: ["overview", "flow", seconds, to],
    queryFn: () => {
      const end = to ?? Date.now();
      return call(api.GET("/api/dashboard/metrics/flow", { params: { query: { from: end - seconds * 1000, to: end } } }));
    },
    enabled: query.data?.problem === null,
    refetchInterval: moving && (poll === false ? TICK : poll),
  });
  useChannel("request_log", moving);
  const newest = useLive((live) => live.channels.request_log.rows.at(-1)?.seq);
  const health = useLive((live) => live.states.health);
  const change = useMemo(() => ({ newest, health, moving }), [newest, health, moving]);
  useTrailing(change, REFRESH, () => {
    if (moving) void queries.invalidateQueries({ queryKey: ["overview"] });
  });
  return { query, flow };
}
