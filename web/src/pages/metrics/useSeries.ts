import { useQuery, useQueryClient } from "@tanstack/react-query";

import { api, call } from "../../api/client";
import { bounds, type Range, writeRange } from "../../lib/range";
import { useTrailing } from "../../lib/useTrailing";
import { useChannel, useLive, usePollInterval } from "../../live";
import type { Asked } from "./query";
import type { Dimension } from "./search";

const TOP = 7; // names apart: with the rest, as many as there are colours
const REFRESH = 4_000; // ms
const TICK = 20_000; // ms: the window moves on by itself

/** The series of the range, and how latencies are spread; anew when there were requests. */
export function useMetrics(range: Range, by: Dimension, asked: Asked) {
  const queries = useQueryClient();
  const paused = useLive((live) => live.paused);
  const poll = usePollInterval();
  const moving = range.kind === "last" && !paused;
  const every = moving && (poll === false ? TICK : poll);
  const series = useQuery({
    queryKey: ["metrics", "series", writeRange(range), by, asked],
    queryFn: () => {
      const { from, to } = bounds(range, Date.now());
      // Both ends are part of it: one less, and the gateway's steps are those of the range.
      return call(api.GET("/api/dashboard/metrics/series", { params: { query: { from: from + 1, to, by, top: TOP, ...asked } } }));
    },
    refetchInterval: every,
  });
  const spread = useQuery({
    queryKey: ["metrics", "distributions"],
    queryFn: () => call(api.GET("/api/dashboard/metrics/distributions")),
    refetchInterval: every,
  });
  useChannel("request_log", moving);
  const newest = useLive((live) => live.channels.request_log.rows.at(-1)?.seq);
  useTrailing(`${newest} ${moving}`, REFRESH, () => {
    if (moving) void queries.invalidateQueries({ queryKey: ["metrics"] });
  });
  return { series, spread };
}
