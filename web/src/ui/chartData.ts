/** What a chart is made of, and the parts of drawing one that need no canvas. */
import type { SeriesColor } from "./Figures";

export type ChartSeries = {
  label: string;
  /** As many as there are times; null where nothing is known. */
  values: readonly (number | null)[];
  color: SeriesColor;
};

export type Marker = {
  /** Unix ms. */
  at: number;
  label: string;
  color: SeriesColor;
};

/** Series differ by dash as well as by colour. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [4, 2, 1, 2], [1, 2], [8, 2, 2, 2, 2, 2]];

/** Sums from the bottom, so that areas stand on each other. The top one comes first. */
export function stack(series: readonly ChartSeries[]): ChartSeries[] {
  const length = Math.max(0, ...series.map((each) => each.values.length));
  const sum = new Array<number>(length).fill(0);
  return series
    .map((each) => ({
      ...each,
      values: Array.from({ length }, (_, at) => {
        const value = each.values[at] ?? null;
        sum[at] = (sum[at] ?? 0) + (value ?? 0);
        return value === null ? null : (sum[at] ?? 0);
      }),
    }))
    .reverse();
}

/** The newest value that is known. */
export function newest(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Times (Unix ms) of the rows of the table form: at most `most`, the newest first. */
export function tableRows(times: readonly number[], most = 200): number[] {
  return times.map((_, at) => at).slice(-most).reverse();
}
