import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { count, duration, rate, time } from "../../lib/format";
import { Card } from "../../ui/Card";
import { Chart } from "../../ui/Chart";
import { RangeSelection, type Selection, selection } from "../../ui/RangeSelection";
import { Marks, useMarkLabel } from "./Marks";
import { markers, outcomeSeries, stretches, summary } from "./figures";
import styles from "./overview.module.css";
import type { Overview, Window } from "./useOverview";

/** Requests and errors above latency, on one axis of time and with one cursor. */
export function Charts({ data, window }: { data: Overview; window: Window }) {
  const { t } = useTranslation("overview");
  const markLabel = useMarkLabel();
  const [selected, setSelected] = useState<Selection | null>(null);
  const drawn = useMemo(() => {
    const kept = stretches(data);
    const of = (value: (point: Overview["series"][number]) => number | null) => kept.map((_, index) => (data.series[index] === undefined ? null : value(data.series[index])));
    return {
      times: kept.map(({ at }) => at),
      outcomes: outcomeSeries(data, (outcome) => t(`charts.${outcome}`)),
      latency: [
        { label: t("charts.first50"), color: 3, values: of((point) => point.first_content_p50_ms) },
        { label: t("charts.first95"), color: 6, values: of((point) => point.first_content_p95_ms) },
        { label: t("charts.total95"), color: 2, values: of((point) => point.p95_ms) },
      ] as const,
      rates: summary(kept.map(({ seconds }, index) => (data.series[index]?.requests ?? 0) / seconds)),
      marks: markers(data, markLabel),
    };
  }, [data, t, markLabel]);
  const frame = useMemo(() => [data.to - data.window * 1000, data.to] as const, [data.to, data.window]);
  const shared = { times: drawn.times, window: frame, markers: drawn.marks, group: "overview", onSelect: (from: number, to: number) => setSelected(selection(from, to)), height: 190 };
  return (
    <>
      <div className={styles.charts}>
        <Card
          title={t("charts.requests")}
          note={window.label}
          actions={
            <Link to="/requests" search={{ range: window.text }}>
              {t("charts.showAll")}
            </Link>
          }
        >
          <Chart
            {...shared}
            series={drawn.outcomes}
            stacked
            format={rate}
            sentence={t("charts.sentence", {
              window: window.label,
              mean: rate(drawn.rates.mean),
              peak: rate(drawn.rates.peak),
              at: time(drawn.times[drawn.rates.at]),
              failed: count(data.now?.error_count),
              total: count(data.now?.total_entries),
            })}
          />
        </Card>
        <Card title={t("charts.latency")} note={window.label}>
          <Chart
            {...shared}
            series={drawn.latency}
            format={duration}
            sentence={t("charts.latencySentence", {
              window: window.label,
              first50: duration(data.now?.p50_first_content_ms),
              first95: duration(data.now?.p95_first_content_ms),
              total95: duration(data.now?.p95_latency_ms),
            })}
          />
        </Card>
      </div>
      <RangeSelection selected={selected} onClear={() => setSelected(null)}>
        <Marks marks={data.marks} />
      </RangeSelection>
    </>
  );
}
