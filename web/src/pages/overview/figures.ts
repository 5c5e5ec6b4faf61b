/** From what the gateway tells to what charts draw. */
import type { Schemas } from "../../api/client";
import type { ChartSeries, Marker } from "../../ui/chartData";
import type { SeriesColor } from "../../ui/Figures";
import type { Overview } from "./useOverview";

export type Stretch = {
  /** Unix ms. */
  at: number;
  /** Of it that has passed. */
  seconds: number;
};

const ENOUGH = 0.25; // of a stretch: of less, a rate would be a guess

/**
 * The stretches of the window that tell something: the last one ends now, so its
 * rates are over what has passed of it, and it is left out while that is little.
 */
export function stretches({ series, step, to }: Pick<Overview, "series" | "step" | "to">): Stretch[] {
  return series.flatMap(({ at }, index) => {
    const passed = Math.min(step, (to - at + 1) / 1000);
    if (index === series.length - 1 && index > 0 && passed < step * ENOUGH) return [];
    return [{ at, seconds: passed > 0 ? passed : step }];
  });
}

const OUTCOMES = ["ok", "client", "upstream", "gateway", "left"] as const;
export type Outcome = (typeof OUTCOMES)[number];

const OUTCOME_COLOR: Record<Outcome, SeriesColor> = { ok: 1, client: "warn", upstream: 4, gateway: "bad", left: "muted" };

/** Requests a second by whose matter they were; without kinds that there were none of, except what went well. */
export function outcomeSeries(data: Overview, label: (outcome: Outcome) => string): ChartSeries[] {
  const kept = stretches(data);
  return OUTCOMES.filter((name) => name === "ok" || data.outcomes.some((point) => point[name] > 0)).map((name) => ({
    label: label(name),
    color: OUTCOME_COLOR[name],
    values: kept.map(({ seconds }, index) => (data.outcomes[index]?.[name] ?? 0) / seconds),
  }));
}

/** For the line under a number. */
export function points(data: Overview, value: (point: Schemas["Point"], seconds: number) => number | null): (number | null)[] {
  return stretches(data).map(({ seconds }, index) => {
    const point = data.series[index];
    return point === undefined ? null : value(point, seconds);
  });
}

const MARK_COLOR: Record<string, SeriesColor> = { reload: "info", reload_failed: "bad", cooldown: "warn", recovered: "ok", retried: 6 };
const NEAR = 0.04; // of the window: of marks of a kind that are closer, the first stands for all
const WORDS = 0.3; // of the window: what the words at a mark need
const SOME = 8; // retried requests are worth a mark while they are rare

/**
 * The marks of the charts: what may be why the lines change. The list beside the charts
 * has all of them; here they must not hide the lines.
 */
export function markers(data: Overview, label: (mark: Schemas["Mark"]) => string): Marker[] {
  const window = data.window * 1000;
  const often = data.marks.filter((mark) => mark.kind === "retried").length > SOME;
  const drawn = new Map<string, number>();
  let written = -Infinity;
  return data.marks.flatMap((mark) => {
    if (mark.kind === "recovered" || (often && mark.kind === "retried")) return [];
    if (mark.at - (drawn.get(mark.kind) ?? -Infinity) < window * NEAR) return [];
    drawn.set(mark.kind, mark.at);
    const far = mark.at - written >= window * WORDS;
    if (far) written = mark.at;
    return [{ at: mark.at, label: far ? label(mark) : "", color: MARK_COLOR[mark.kind] ?? "muted" }];
  });
}

/** The mean and the peak of what is known. */
export function summary(values: readonly (number | null)[]): { mean: number | null; peak: number | null; at: number } {
  let sum = 0;
  let known = 0;
  let peak: number | null = null;
  let at = -1;
  values.forEach((value, index) => {
    if (value === null) return;
    sum += value;
    known += 1;
    if (peak === null || value > peak) {
      peak = value;
      at = index;
    }
  });
  return { mean: known === 0 ? null : sum / known, peak, at };
}
