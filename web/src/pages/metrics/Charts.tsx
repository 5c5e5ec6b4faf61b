import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { duration, money, percent, rate } from "../../lib/format";
import { Card } from "../../ui/Card";
import { Chart } from "../../ui/Chart";
import { newest } from "../../ui/chartData";
import { RangeSelection, type Selection, selection } from "../../ui/RangeSelection";
import styles from "./metrics.module.css";
import type { Percentile } from "./search";
import { type Group, lines, stretches } from "./series";

type Point = Schemas["Point"];
type Name = "requests" | "errors" | "latency" | "first" | "output" | "input" | "cost";

type Drawn = {
  name: Name;
  stacked?: boolean;
  format: (value: number | null) => string;
  value: (point: Point, seconds: number) => number | null;
};

export type ChartsProps = {
  data: Schemas["GroupedSeries"];
  /** In words: what the series are told apart by, and the time. */
  by: string;
  window: string;
  percentile: Percentile;
  nameOf: (group: Group) => string;
  q: string | undefined;
};

/** All series over time, with one cursor. */
export function Charts({ data, by, window, percentile, nameOf, q }: ChartsProps) {
  const { t } = useTranslation("metrics");
  const [selected, setSelected] = useState<Selection | null>(null);
  const charts = useMemo<Drawn[]>(() => {
    const p95 = percentile === "p95";
    const all: Drawn[] = [
      { name: "requests", stacked: true, format: rate, value: (point, seconds) => point.requests / seconds },
      { name: "errors", format: percent, value: (point) => (point.requests === 0 ? null : point.failed / point.requests) },
      { name: "latency", format: duration, value: (point) => (p95 ? point.p95_ms : point.p50_ms) },
      { name: "first", format: duration, value: (point) => (p95 ? point.first_content_p95_ms : point.first_content_p50_ms) },
      { name: "output", stacked: true, format: rate, value: (point, seconds) => point.output_tokens / seconds },
      { name: "input", stacked: true, format: rate, value: (point, seconds) => point.input_tokens / seconds },
      {
        name: "cost",
        stacked: true,
        format: (value) => t("chart.perHour", { amount: money(value) }),
        value: (point, seconds) => (Number(point.cost) / seconds) * 3600,
      },
    ];
    return all;
  }, [percentile, t]);
  const drawn = useMemo(() => {
    const { times, seconds } = stretches(data);
    return { times, series: new Map(charts.map((chart) => [chart.name, lines(data, seconds, nameOf, chart.value)])) };
  }, [data, charts, nameOf]);
  const frame = useMemo(() => [data.from, data.to] as const, [data.from, data.to]);
  return (
    <>
      <div className={styles.charts}>
        {charts.map(({ name, stacked = false, format }) => {
          const series = drawn.series.get(name) ?? [];
          const groups = series.map((each) => t("chart.group", { name: each.label, value: format(newest(each.values)) })).join(", ");
          return (
            <div key={name} className={name === "cost" ? styles.whole : undefined}>
              <Card title={t(`chart.${name}`, { percentile })} note={window}>
                <Chart
                  times={drawn.times}
                  series={series}
                  stacked={stacked}
                  format={format}
                  sentence={t(`chart.${name}Sentence`, { by, window, groups, percentile })}
                  window={frame}
                  group="metrics"
                  height={170}
                  onSelect={(from, to) => setSelected(selection(from, to))}
                />
              </Card>
            </div>
          );
        })}
      </div>
      <RangeSelection selected={selected} onClear={() => setSelected(null)} q={q} />
    </>
  );
}
