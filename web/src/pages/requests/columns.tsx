import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { duration, fullTime, money, time, tokens, UNKNOWN } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import type { Column } from "../../ui/DataTable";
import type { Entry } from "../../ui/request/data";
import { Status, statusTone } from "../../ui/Status";
import styles from "./requests.module.css";
import type { ListRow, RunningRequest } from "./rows";

type Cells = { id: string; size: number; align?: "end"; entry: (entry: Entry) => React.ReactNode; running: (running: RunningRequest) => React.ReactNode; hidden?: boolean };

/** The columns of the list; `pick` chooses rows to compare. */
export function useColumns(picked: readonly string[], pick: (id: string) => void): Column<ListRow>[] {
  const { t } = useTranslation("requests");
  return useMemo(() => {
    const columns: Cells[] = [
      {
        id: "select",
        size: 52,
        entry: (entry) => (
          <label className={styles.pick}>
            <input type="checkbox" checked={picked.includes(entry.request_id)} aria-label={t("row.pick", { id: entry.request_id })} onChange={() => pick(entry.request_id)} />
          </label>
        ),
        running: () => null,
      },
      {
        id: "time",
        size: 88,
        entry: (entry) => (
          <time dateTime={new Date(entry.timestamp).toISOString()} title={fullTime(entry.timestamp)}>
            {time(entry.timestamp)}
          </time>
        ),
        running: (running) => <time title={fullTime(running.started)}>{time(running.started)}</time>,
      },
      { id: "status", size: 152, entry: (entry) => <StatusCell entry={entry} />, running: () => <Status tone="busy">{t("row.running")}</Status> },
      {
        id: "model",
        size: 196,
        entry: (entry) => <Asked asked={entry.model} served={entry.served_model} />,
        running: (running) => <Asked asked={running.model} served={running.served_model} />,
      },
      { id: "provider", size: 132, entry: (entry) => entry.credential ?? UNKNOWN, running: (running) => running.credential ?? UNKNOWN },
      {
        id: "wire",
        size: 172,
        entry: (entry) => (entry.upstream_format === null ? entry.format : t("row.wire", { from: entry.format, to: entry.upstream_format })),
        running: (running) => running.format,
      },
      { id: "ttft", size: 76, align: "end", entry: (entry) => duration(entry.first_content_ms), running: (running) => duration(running.first_content_ms) },
      { id: "total", size: 80, align: "end", entry: (entry) => duration(entry.latency_ms), running: (running) => <Clock since={running.started} /> },
      { id: "tokens", size: 112, align: "end", entry: (entry) => <Tokens entry={entry} />, running: (running) => t("row.pieces", { count: running.pieces }) },
      { id: "cost", size: 96, align: "end", entry: (entry) => money(entry.cost === null ? null : Number(entry.cost)), running: () => UNKNOWN },
      { id: "attempts", size: 56, align: "end", entry: (entry) => (entry.attempts > 1 ? t("row.attempts", { count: entry.attempts }) : ""), running: (running) => (running.attempts > 1 ? t("row.attempts", { count: running.attempts }) : "") },
      { id: "key", size: 110, entry: (entry) => (entry.key === null || entry.key === "" ? UNKNOWN : entry.key), running: () => UNKNOWN },
      { id: "id", size: 290, entry: (entry) => <code className={styles.id}>{entry.request_id}</code>, running: (running) => <code className={styles.id}>{running.request_id}</code> },
    ];
    return columns.map(({ id, size, align, entry, running }) => ({
      id,
      size,
      label: t(`columns.${id as "time"}`),
      ...(align !== undefined && { align }),
      cell: (row: ListRow) => (row.kind === "entry" ? entry(row.entry) : row.kind === "running" ? running(row.running) : null),
    }));
  }, [t, picked, pick]);
}

function Asked({ asked, served }: { asked: string | null; served: string | null }) {
  const { t } = useTranslation("requests");
  const text = served === null || served === asked ? (asked ?? UNKNOWN) : t("row.served", { asked: asked ?? UNKNOWN, served });
  return (
    <span className={styles.cut} title={text}>
      {text}
    </span>
  );
}

function StatusCell({ entry }: { entry: Entry }) {
  const { t } = useTranslation("requests");
  const brokeOff = entry.failed && entry.status < 400;
  const word = entry.client_left ? t("row.left") : brokeOff ? t("row.failedStream") : t(`word.${String(entry.status) as "200"}`, { defaultValue: entry.error ?? "" });
  return <Status tone={brokeOff ? "bad" : statusTone(entry.status)}>{`${entry.status} ${word}`.trim()}</Status>;
}

function Tokens({ entry }: { entry: Entry }) {
  const { t } = useTranslation("requests");
  const cached = entry.cache_read_tokens ?? 0;
  if (entry.input_tokens === null && entry.output_tokens === null) return UNKNOWN;
  return (
    <span>
      {t("row.tokens", { input: tokens(entry.input_tokens), output: tokens(entry.output_tokens) })}
      {cached > 0 && <span className={styles.muted}> {t("row.cached", { count: cached })}</span>}
    </span>
  );
}

function Clock({ since }: { since: number }) {
  const now = useNow(200);
  return duration(Math.max(0, now - since));
}
