/**
 * Values over time. A picture with a sentence for those who do not see it, and the
 * same numbers as a table for anyone. Charts with the same `group` share a cursor;
 * dragging over one selects a range.
 */
import "uplot/dist/uPlot.min.css";

import { ChartLine, Table } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import UPlot from "uplot";

import { axisTime, time } from "../lib/format";
import { usePrefs } from "../live/prefs";
import styles from "./Chart.module.css";
import { type ChartSeries, DASHES, type Marker, newest, stack, tableRows } from "./chartData";
import { seriesColor } from "./Figures";
import { IconButton } from "./IconButton";

export type ChartProps = {
  /** Unix ms, rising. */
  times: readonly number[];
  series: readonly ChartSeries[];
  /** How values are written: one of `lib/format`. */
  format: (value: number | null) => string;
  /** What the chart shows, in a sentence with the window. */
  sentence: string;
  /** From and to of the axis, Unix ms; else that of the values. */
  window?: readonly [number, number];
  markers?: readonly Marker[];
  stacked?: boolean;
  height?: number;
  /** Charts of one group share their cursor. */
  group?: string;
  onSelect?: (from: number, to: number) => void;
};

const MIN_SELECTION = 6; // px: less is a click

export function Chart(props: ChartProps) {
  const { times, series, format, sentence, height = 180 } = props;
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const [cursor, setCursor] = useState<number | null>(null);
  return (
    <figure className={styles.chart}>
      <figcaption className={styles.bar}>
        <span className={styles.keys}>
        {series.map((each, at) => (
          <span key={each.label} className={styles.key}>
            <svg width="20" height="8" aria-hidden>
              <line x1="0" x2="20" y1="4" y2="4" strokeWidth="2" strokeDasharray={DASHES[at % DASHES.length]?.join(" ")} style={{ stroke: seriesColor(each.color) }} />
            </svg>
            {each.label} <strong>{format(cursor === null ? newest(each.values) : (each.values[cursor] ?? null))}</strong>
          </span>
        ))}
        {cursor !== null && <span>{time(times[cursor])}</span>}
        </span>
        <span className={styles.toggle}>
          <IconButton icon={asTable ? ChartLine : Table} small label={asTable ? t("chart.asChart") : t("chart.asTable")} aria-pressed={asTable} onClick={() => setAsTable(!asTable)} />
        </span>
      </figcaption>
      {times.length === 0 ? (
        <div className={styles.empty} style={{ height }}>
          {t("chart.empty")}
        </div>
      ) : asTable ? (
        <ValueTable {...props} height={height} />
      ) : (
        <div role="img" aria-label={sentence}>
          <Plot {...props} height={height} onCursor={setCursor} />
        </div>
      )}
    </figure>
  );
}

function ValueTable({ times, series, format, sentence, height }: ChartProps & { height: number }) {
  const { t } = useTranslation();
  return (
    // It scrolls, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.wide} style={{ maxHeight: Math.max(height, 180) }} tabIndex={0} role="region" aria-label={sentence}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t("chart.time")}</th>
            {series.map((each) => (
              <th key={each.label} scope="col">
                {each.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tableRows(times).map((at) => (
            <tr key={times[at]}>
              <th scope="row">{time(times[at])}</th>
              {series.map((each) => (
                <td key={each.label}>{format(each.values[at] ?? null)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The value of a token now: a canvas does not know custom properties. */
function resolved(color: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return name === undefined ? color : getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

type PlotProps = ChartProps & { height: number; onCursor: (at: number | null) => void };

function Plot(props: PlotProps) {
  const { times, series, height, window: frame, stacked = false, group } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const latest = useRef(props);
  const theme = usePrefs((prefs) => prefs.theme);
  const systemDark = useSystemDark();
  useEffect(() => {
    latest.current = props;
  });
  // What makes it another chart, rather than the same with new values.
  const shape = series.map((each) => `${each.label} ${each.color}`).join("|");

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const made = new UPlot(options(element.clientWidth, latest), data(latest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: latest.current.height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current = null;
      made.destroy();
    };
  }, [shape, stacked, height, group, theme, systemDark]);

  useEffect(() => {
    plot.current?.setData(data(latest.current));
  }, [times, series, frame]);

  return <div ref={host} className={styles.plot} style={{ height }} />;
}

function useSystemDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return dark;
}

function data({ times, series, stacked = false }: PlotProps): UPlot.AlignedData {
  const drawn = stacked ? stack(series) : series;
  return [times.map((at) => at / 1000), ...drawn.map((each) => [...each.values])];
}

function options(width: number, latest: { current: PlotProps }): UPlot.Options {
  const { series, height, stacked = false, group } = latest.current;
  const order = series.map((each, at) => ({ ...each, dash: DASHES[at % DASHES.length] ?? [] }));
  const drawn = stacked ? order.reverse() : order;
  const axis = { stroke: resolved("var(--muted)"), grid: { stroke: resolved("var(--line)"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width,
    height,
    legend: { show: false },
    // The words of the first and the last time are wider than where they stand.
    padding: [8, 18, 0, 0],
    cursor: {
      ...(group !== undefined && { sync: { key: group, setSeries: false } }),
      drag: { x: latest.current.onSelect !== undefined, y: false, setScale: false },
      points: { size: 6 },
      y: false,
    },
    scales: {
      x: {
        time: true,
        range: (_plot, low, high) => {
          const frame = latest.current.window;
          return frame === undefined ? [low, high] : [frame[0] / 1000, frame[1] / 1000];
        },
      },
      y: { range: (_plot, low, high) => [Math.min(0, low), high <= 0 ? 1 : high * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 20, gap: 6, space: 70, values: (_plot, values) => values.map((value) => axisTime(value * 1000, (values[1] ?? value) - (values[0] ?? value))) },
      { ...axis, size: 58, values: (_plot, values) => values.map((value) => latest.current.format(value)) },
    ],
    series: [
      {},
      ...drawn.map((each) => ({
        label: each.label,
        stroke: resolved(seriesColor(each.color)),
        width: 1.5,
        dash: [...each.dash],
        // A value between unknown ones has no line: it is a dot.
        points: { show: true, size: 5, width: 1.5, fill: resolved(seriesColor(each.color)), filter: alone },
        ...(stacked && { fill: `color-mix(in srgb, ${resolved(seriesColor(each.color))} 22%, ${resolved("var(--panel)")})` }),
      })),
    ],
    hooks: {
      setCursor: [(plot) => latest.current.onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide < MIN_SELECTION) return;
          latest.current.onSelect?.(plot.posToVal(left, "x") * 1000, plot.posToVal(left + wide, "x") * 1000);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      draw: [(plot) => drawMarkers(plot, latest.current.markers ?? [])],
    },
  };
}

/** Which values stand alone, so that no line leads to or from them. */
function alone(plot: UPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  return [...values].flatMap((value, at) => (value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null ? [at] : []));
}

function drawMarkers(plot: UPlot, markers: readonly Marker[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  for (const marker of markers) {
    const x = plot.valToPos(marker.at / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = resolved(seriesColor(marker.color));
    ctx.fillStyle = ctx.strokeStyle;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    const wide = ctx.measureText(marker.label).width + 4 * ratio;
    ctx.textAlign = x + wide > bbox.left + bbox.width ? "right" : "left";
    const place = [marker.label, x + (ctx.textAlign === "left" ? 4 : -4) * ratio, bbox.top + 10 * ratio] as const;
    // Legible over lines and dots.
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = resolved("var(--panel)");
    ctx.strokeText(...place);
    ctx.fillText(...place);
    ctx.restore();
  }
}
