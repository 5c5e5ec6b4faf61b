import { useTranslation } from "react-i18next";

import type { components } from "../../api/schema";
import { bytes, duration, UNKNOWN } from "../../lib/format";
import { Bars, type SeriesColor, Waterfall, type WaterfallSpan } from "../Figures";
import { Skeleton } from "../Skeleton";
import { Status } from "../Status";
import { type LogDetail, useStreams } from "./data";
import styles from "./request.module.css";

type Bar = components["schemas"]["Bar"];

const COLORS: Record<string, SeriesColor> = { total: "muted", overhead: 7, attempt: 3, wait: 6, stream: 1, backoff: "warn" };

/** The first tab: what took how long, and each upstream call. */
export function Timeline({ id, detail }: { id: string; detail: LogDetail }) {
  const { t } = useTranslation("request");
  const { entry, timeline } = detail;
  const spans = timeline.map((bar): WaterfallSpan => ({
    name: nameOf(bar, t),
    start: bar.start_ms,
    ms: bar.duration_ms,
    color: bar.kind === "attempt" && bar.error !== null ? "bad" : (COLORS[bar.kind] ?? "muted"),
    ...(bar.error !== null && { note: t("timeline.failed", { error: bar.error }) }),
  }));
  return (
    <div className={styles.tab}>
      <Waterfall spans={spans} total={entry.latency_ms} label={t("timeline.label")} />
      {timeline.some((bar) => bar.estimated) && <p className={styles.muted}>{t("timeline.estimated")}</p>}
      {detail.captured && entry.stream && <Arrival id={id} />}
      <section className={styles.part} aria-label={t("timeline.attempts")}>
        <h3>{t("timeline.attempts")}</h3>
        {detail.attempts.length === 0 ? (
          <p className={styles.muted}>{t("timeline.attemptsNone")}</p>
        ) : (
          <div className={styles.wide}>
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">{t("timeline.number")}</th>
                  <th scope="col">{t("timeline.credential")}</th>
                  <th scope="col">{t("timeline.model")}</th>
                  <th scope="col">{t("timeline.status")}</th>
                  <th scope="col">{t("timeline.error")}</th>
                  <th scope="col" className={styles.end}>
                    {t("timeline.took")}
                  </th>
                </tr>
              </thead>
              <tbody>
                {detail.attempts.map((attempt, at) => (
                  <tr key={at}>
                    <td>{at + 1}</td>
                    <td>{attempt.credential}</td>
                    <td>{attempt.model}</td>
                    <td>
                      <Status tone={attempt.error === null ? "ok" : "bad"}>{attempt.status ?? UNKNOWN}</Status>
                    </td>
                    <td>{attempt.error === null ? UNKNOWN : attempt.error_code === null || attempt.error_code === attempt.error ? attempt.error : `${attempt.error} (${attempt.error_code})`}</td>
                    <td className={styles.end}>{duration(attempt.seconds * 1000)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </div>
  );
}

/** The name of a bar in words. */
function nameOf(bar: Bar, t: ReturnType<typeof useTranslation<"request">>["t"]): string {
  const number = bar.attempt ?? 1;
  if (bar.kind === "attempt") return bar.status === null ? t("timeline.attempt", { number, name: bar.name }) : t("timeline.attemptStatus", { number, name: bar.name, status: bar.status });
  if (bar.kind === "overhead") return t("timeline.overhead");
  if (bar.kind === "wait") return t("timeline.wait");
  if (bar.kind === "stream") return bar.name === "stream" ? t("timeline.stream") : t("timeline.answer");
  if (bar.kind === "backoff") return t("timeline.backoff", { number });
  return t("timeline.total");
}

const STEPS = 60;

/** How evenly the stream arrived. */
function Arrival({ id }: { id: string }) {
  const { t } = useTranslation("request");
  const streams = useStreams(id, true);
  if (streams.isError) return null;
  if (streams.data === undefined) {
    return (
      <section className={styles.part} aria-label={t("timeline.rateTitle")}>
        <h3>{t("timeline.rateTitle")}</h3>
        <Skeleton height={40} />
        <div className={styles.ends}>&nbsp;</div>
      </section>
    );
  }
  const sent = streams.data.rows.filter((row) => row.client !== "");
  const first = sent[0]?.client_t_ms ?? 0;
  const span = Math.max((sent.at(-1)?.client_t_ms ?? 0) - first, 1);
  const sums = new Array<number>(STEPS).fill(0);
  for (const row of sent) {
    const at = Math.min(STEPS - 1, Math.floor((((row.client_t_ms ?? first) - first) / span) * STEPS));
    sums[at] = (sums[at] ?? 0) + row.client.length;
  }
  const total = sums.reduce((sum, each) => sum + each, 0);
  return (
    <section className={styles.part} aria-label={t("timeline.rateTitle")}>
      <h3>
        {t("timeline.rateTitle")} <span className={styles.muted}>{`${bytes(total)} · ${duration(span)}`}</span>
      </h3>
      <Bars bars={sums.map((value) => [{ value, color: 1 as const }])} label={t("timeline.rate")} height={40} />
      <div className={styles.ends} aria-hidden>
        <span>{duration(first)}</span>
        <span>{duration(first + span)}</span>
      </div>
    </section>
  );
}
