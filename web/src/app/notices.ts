/** What the shell says about the state of the gateway: counts in the sidebar, the banner. */
import { useTranslation } from "react-i18next";

import { isRecord } from "../api/error";
import { useLive } from "../live";
import type { PageName } from "./pages";

export type Notice = { count: number; text: string };

function number(value: unknown, key: string): number {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === "number" && found > 0 ? found : 0;
}

/** The dots beside entries of the sidebar. */
export function useNotices(): Partial<Record<PageName, Notice>> {
  const { t } = useTranslation("shell");
  const unhealthy = useLive((live) => number(live.states.health, "unhealthy"));
  const errors = useLive((live) => number(live.states.health, "new_log_errors"));
  return {
    ...(unhealthy > 0 && { providers: { count: unhealthy, text: t("unhealthy", { count: unhealthy }) } }),
    ...(errors > 0 && { logs: { count: errors, text: t("newErrors", { count: errors }) } }),
  };
}
