import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { fullTime, preciseTime } from "../../lib/format";
import { EmptyState } from "../EmptyState";
import { ErrorCard } from "../ErrorCard";
import { SkeletonRows } from "../Skeleton";
import { Status, type Tone } from "../Status";
import styles from "./request.module.css";

const TONES: Record<string, Tone> = { critical: "bad", error: "bad", warning: "warn", info: "info", debug: "off" };

/** What the gateway's own log says of the request. */
export function Records({ id }: { id: string }) {
  const { t } = useTranslation("request");
  const found = useQuery({ queryKey: ["logs", "records", id], queryFn: () => call(api.GET("/api/dashboard/logs/{id}/log", { params: { path: { id } } })) });
  if (found.isPending) return <SkeletonRows count={4} />;
  if (found.isError) return <ErrorCard error={found.error} onRetry={() => void found.refetch()} />;
  const { logs, dropped } = found.data;
  return (
    <>
      {logs.length === 0 ? (
        <EmptyState title={t("log.none")}>{t("log.noneText")}</EmptyState>
      ) : (
        <ol className={styles.records} aria-label={t("log.label")}>
          {[...logs].reverse().map((record) => (
            <li key={record.seq}>
              <time dateTime={new Date(record.timestamp).toISOString()} title={fullTime(record.timestamp)}>
                {preciseTime(record.timestamp)}
              </time>
              <Status tone={TONES[record.level] ?? "info"}>{record.level}</Status>
              <span className={styles.message}>
                {record.message}
                {record.traceback !== null && <pre>{record.traceback}</pre>}
              </span>
            </li>
          ))}
        </ol>
      )}
      {dropped > 0 && <p className={styles.muted}>{t("log.dropped", { count: dropped })}</p>}
    </>
  );
}
