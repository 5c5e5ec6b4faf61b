import { useTranslation } from "react-i18next";

import { isRecord } from "../../api/error";
import { change, count, duration, money, percent, rate, tokens } from "../../lib/format";
import { useLiveState } from "../../live";
import { StatNumber } from "../../ui/StatNumber";
import { points } from "./figures";
import styles from "./overview.module.css";
import type { Overview } from "./useOverview";

/** Whether a change is to be glad of, where less is better. */
function judged(now: number | null, before: number | null): "good" | "worse" | "neutral" {
  if (now === null || before === null || Math.abs(now - before) < before * 0.005) return "neutral";
  return now < before ? "good" : "worse";
}

/** The four numbers, each of the range and against the range before. */
export function Numbers({ data, window }: { data: Overview; window: string }) {
  const { t } = useTranslation("overview");
  const { now, previous } = data;
  const metrics = useLiveState("metrics");
  const live = isRecord(metrics) && typeof metrics.in_flight === "number" ? metrics.in_flight : data.in_flight;
  if (now === null) return null;
  return (
    <div className={styles.numbers}>
      <StatNumber
        label={t("numbers.requests")}
        window={window}
        value={rate(now.requests_per_second)}
        delta={change(now.requests_per_second, previous?.requests_per_second)}
        second={t("numbers.requestsSecond", { total: count(now.total_entries), inFlight: count(live) })}
        points={points(data, (point, seconds) => point.requests / seconds)}
        pointsLabel={t("numbers.requestsPoints", { window })}
      />
      <StatNumber
        label={t("numbers.errors")}
        window={window}
        value={percent(now.error_rate)}
        delta={change(now.error_rate, previous?.error_rate)}
        judgement={judged(now.error_rate, previous?.error_rate ?? null)}
        second={t("numbers.errorsSecond", { failed: count(now.error_count), total: count(now.total_entries) })}
        points={points(data, (point) => (point.requests === 0 ? 0 : point.failed / point.requests))}
        pointsLabel={t("numbers.errorsPoints", { window })}
      />
      <StatNumber
        label={t("numbers.ttft")}
        window={window}
        value={`${duration(now.p50_first_content_ms)} / ${duration(now.p95_first_content_ms)}`}
        delta={change(now.p50_first_content_ms, previous?.p50_first_content_ms)}
        judgement={judged(now.p50_first_content_ms, previous?.p50_first_content_ms ?? null)}
        second={t("numbers.ttftSecond", { p50: duration(now.p50_latency_ms), p95: duration(now.p95_latency_ms) })}
        points={points(data, (point) => point.first_content_p95_ms)}
        pointsLabel={t("numbers.ttftPoints", { window })}
      />
      <StatNumber
        label={t("numbers.tokens")}
        window={window}
        value={rate(now.tokens_per_second)}
        delta={change(now.tokens_per_second, previous?.tokens_per_second)}
        second={t("numbers.tokensSecond", { cost: money(Number(now.total_cost)), input: tokens(now.input_tokens), output: tokens(now.output_tokens) })}
        points={points(data, (point, seconds) => point.output_tokens / seconds)}
        pointsLabel={t("numbers.tokensPoints", { window })}
      />
    </div>
  );
}
