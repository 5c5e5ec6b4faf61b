/** The counts beside entries of the sidebar. */
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../api/client";
import { useLive } from "../live";
import { usePrefs } from "../live/prefs";
import { readHealth } from "../live/states";
import type { PageName } from "./pages";

export type Notice = { count: number; text: string };

const LOG_EVERY = 60_000; // ms
const MOST = 100;

export function useNotices(): Partial<Record<PageName, Notice>> {
  const { t } = useTranslation("shell");
  const unhealthy = useLive((live) => readHealth(live.states.health).unhealthy);
  const errors = useNewErrors();
  return {
    ...(unhealthy > 0 && { providers: { count: unhealthy, text: t("unhealthy", { count: unhealthy }) } }),
    ...(errors > 0 && { logs: { count: errors, text: t("newErrors", { count: errors }) } }),
  };
}

/** How many errors the gateway has logged since the log page was last open. */
function useNewErrors(): number {
  const seen = usePrefs((prefs) => prefs.logSeen);
  const set = usePrefs((prefs) => prefs.set);
  const reading = useLocation({ select: (location) => location.pathname === "/logs" });
  const { data } = useQuery({
    queryKey: ["shell", "log-errors"],
    queryFn: () => call(api.GET("/api/dashboard/system/logs", { params: { query: { level: "error", limit: MOST } } })),
    refetchInterval: LOG_EVERY,
    staleTime: LOG_EVERY,
    retry: false,
  });
  const newest = data?.newest;
  useEffect(() => {
    if (reading && newest !== undefined && newest !== seen) set({ logSeen: newest });
  }, [reading, newest, seen, set]);
  // A log that has begun anew has lower numbers than those seen.
  const from = newest !== undefined && newest < seen ? 0 : seen;
  return reading ? 0 : (data?.logs.filter((item) => item.seq > from).length ?? 0);
}
