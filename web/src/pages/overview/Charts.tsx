import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { count, duration, rate, time } from "../../lib/format";
import { writeRange } from "../../lib/range";
import { useRange } from "../../lib/useRange";
import { Button, buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Chart } from "../../ui/Chart";
import { IconButton } from "../../ui/IconButton";
import { Marks, useMarkLabel } from "./Marks";
import { markers, outcomeSeries, stretches, summary } from "./figures";
import styles from "./overview.module.css";
import type { Overview, Window } from "./useOverview";

/** Requests and errors above latency, on one axis of time and with one cursor. */
export function Charts({ data, window }: { data: Overview; window: Window }) {
  const { t } = useTranslation("overview");
  const markLabel = useMarkLabel();
  const [selected, setSelected] = useState<{ from: number; to: number } | null>(null);
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
  const select = (from: number, to: number) => setSelected({ from: Math.floor(from), to: Math.ceil(to) });
  const shared = { times: drawn.times, window: frame, markers: drawn.marks, group: "overview", onSelect: select, height: 190 };
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
      <div className={styles.selection} role="status">
        {selected === null ? <span>{t("charts.hint")}</span> : <Selected {...selected} onClear={() => setSelected(null)} />}
        <Marks marks={data.marks} />
      </div>
    </>
  );
}

function Selected({ from, to, onClear }: { from: number; to: number; onClear: () => void }) {
  const { t } = useTranslation("overview");
  const { setRange } = useRange();
  const range = { kind: "between", from, to } as const;
  return (
    <>
      <strong>{t("charts.selected", { from: time(from), to: time(to) })}</strong>
      <Link to="/requests" search={{ range: writeRange(range) }} className={buttonClass("primary", true)}>
        {t("charts.show")}
      </Link>
      <Button
        small
        onClick={() => {
          setRange(range);
          onClear();
        }}
      >
        {t("charts.zoom")}
      </Button>
      <IconButton icon={X} label={t("charts.unselect")} small onClick={onClear} />
    </>
  );
}
