import type { CSSProperties } from "react";

import { duration } from "../lib/format";
import styles from "./Figures.module.css";

export type SeriesColor = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | "ok" | "warn" | "bad" | "info" | "muted";

export function seriesColor(color: SeriesColor): string {
  return typeof color === "number" ? `var(--series-${color})` : `var(--${color})`;
}

const WIDTH = 120;
const LONE = 3;

/** The path of a line through `values`; a hole where one is unknown. */
export function linePath(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0);
  const bottom = Math.min(...known, 0);
  const span = top - bottom || 1;
  const stepX = values.length > 1 ? width / (values.length - 1) : 0;
  let pen = "M";
  return values
    .map((value, at) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const alone = pen === "M" && (values[at + 1] ?? null) === null;
      // A value between unknown ones is a short dash.
      const point = `${pen}${(at * stepX - (alone ? LONE / 2 : 0)).toFixed(1)} ${(height - ((value - bottom) / span) * height).toFixed(1)}`;
      pen = "L";
      return alone ? `${point}h${LONE}` : point;
    })
    .join("");
}

/** A line without axes; `label` says in words what it shows. */
export function Sparkline({ values, label, height = 28 }: { values: readonly (number | null)[]; label: string; height?: number }) {
  const line = linePath(values, WIDTH, height - 2);
  const solid = line !== "" && !values.includes(null);
  return (
    <svg role="img" aria-label={label} className={styles.spark} viewBox={`0 0 ${WIDTH} ${height}`} height={height} preserveAspectRatio="none">
      {solid && values.length > 1 && <path className={styles.area} d={`${line}L${WIDTH} ${height}L0 ${height}Z`} />}
      <line x1={0} x2={WIDTH} y1={height - 0.5} y2={height - 0.5} />
      <path d={line} />
    </svg>
  );
}

export type BarPart = { value: number; color: SeriesColor };

/** Stacked bars without axes, as of success and failure over time. */
export function Bars({ bars, label, height = 28 }: { bars: readonly (readonly BarPart[])[]; label: string; height?: number }) {
  const totals = bars.map((parts) => parts.reduce((sum, part) => sum + part.value, 0));
  const top = Math.max(...totals, 1);
  const step = WIDTH / Math.max(bars.length, 1);
  return (
    <svg role="img" aria-label={label} className={styles.bars} viewBox={`0 0 ${WIDTH} ${height}`} height={height} preserveAspectRatio="none">
      {bars.map((parts, at) => {
        let used = 0;
        return parts.map((part, nth) => {
          if (part.value <= 0) return null;
          // A single failure among thousands must be seen.
          const size = Math.max((part.value / top) * height, 1);
          used += size;
          return <rect key={`${at}/${nth}`} x={at * step} y={height - used} width={Math.max(step - 0.5, 0.5)} height={size} style={{ fill: seriesColor(part.color) }} />;
        });
      })}
      <line x1={0} x2={WIDTH} y1={height - 0.5} y2={height - 0.5} style={{ stroke: "var(--line)" }} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

export type WaterfallSpan = {
  name: string;
  /** Milliseconds from the beginning. */
  start: number;
  ms: number;
  color: SeriesColor;
  /** In words, where the name is not enough: "wait for the first byte". */
  note?: string;
};

/** What took how long, one line a span: name, bar, duration. Reads as a list. */
export function Waterfall({ spans, total, label }: { spans: readonly WaterfallSpan[]; total: number; label: string }) {
  const width = Math.max(total, ...spans.map((span) => span.start + span.ms), 0.001);
  return (
    <ol className={styles.waterfall} aria-label={label}>
      {spans.map((span, at) => {
        const place: CSSProperties = {
          left: `min(${(span.start / width) * 100}%, calc(100% - 2px))`,
          width: `${(span.ms / width) * 100}%`,
          background: seriesColor(span.color),
        };
        return (
          <li key={`${at} ${span.name}`} className={styles.span} title={span.note}>
            <span className={styles.spanName}>{span.name}</span>
            <span className={styles.track} aria-hidden>
              <span className={styles.bar} style={place} />
            </span>
            <span className={styles.duration}>{duration(span.ms)}</span>
          </li>
        );
      })}
      <li className={styles.span} aria-hidden>
        <span />
        <span className={styles.axis}>
          {[0, 0.5, 1].map((share) => (
            <span key={share}>{duration(share * width)}</span>
          ))}
        </span>
        <span />
      </li>
    </ol>
  );
}
