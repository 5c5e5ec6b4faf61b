/** From grouped series to what charts draw. */
import type { Schemas } from "../../api/client";
import type { ChartSeries } from "../../ui/chartData";
import type { SeriesColor } from "../../ui/Figures";

export type Group = Schemas["NamedSeries"];
type Point = Schemas["Point"];

const ENOUGH = 0.25; // of a stretch: of less, a rate would be a guess

/** The stretches that are drawn; the last one is over only in part. */
export function stretches({ groups, other, step, to }: Schemas["GroupedSeries"]): { times: number[]; seconds: number[] } {
  const points = (groups[0] ?? other)?.series ?? [];
  const times: number[] = [];
  const seconds: number[] = [];
  points.forEach(({ at }, index) => {
    const passed = Math.min(step, (to - at + 1) / 1000);
    if (index === points.length - 1 && index > 0 && passed < step * ENOUGH) return;
    times.push(at);
    seconds.push(passed > 0 ? passed : step);
  });
  return { times, seconds };
}

/** A line for each group: `value` of its points. The rest is grey. */
export function lines(data: Schemas["GroupedSeries"], seconds: readonly number[], name: (group: Group) => string, value: (point: Point, seconds: number) => number | null): ChartSeries[] {
  const all = data.other === null ? data.groups : [...data.groups, data.other];
  return all.map((group, at) => ({
    label: name(group),
    color: group === data.other ? "muted" : (((at % 8) + 1) as SeriesColor),
    values: seconds.map((passed, index) => {
      const point = group.series[index];
      return point === undefined ? null : value(point, passed);
    }),
  }));
}
