import { expect, it } from "vitest";

import { markers, outcomeSeries, stretches, summary } from "./figures";
import { overview, TO } from "./fixture";
import { type Flow, layOut, OTHER } from "./flowLayout";

const points = (to: number) => ({ ...overview(), to, series: [0, 15_000, 30_000].map((at) => ({ ...overview().series[0]!, at })) });

it("takes the last stretch by what has passed of it, and leaves it out while that is little", () => {
  expect(stretches(points(44_999)).map(({ seconds }) => seconds)).toEqual([15, 15, 15]);
  expect(stretches(points(37_499)).map(({ seconds }) => seconds)).toEqual([15, 15, 7.5]);
  expect(stretches(points(31_999)).map(({ at }) => at)).toEqual([0, 15_000]);
});

it("draws outcomes that there were, and successes always", () => {
  expect(outcomeSeries(overview(), String).map((series) => series.label)).toEqual(["ok", "client"]);
});

it("keeps marks from hiding the lines", () => {
  const mark = (at: number, kind: string) => ({ at, kind, credential: null, cause: null, count: 1 });
  const many = Array.from({ length: 30 }, (_, at) => mark(TO - 900_000 + at * 30_000, "retried"));
  const marks = [...many, mark(TO - 500_000, "cooldown"), mark(TO - 499_000, "cooldown"), mark(TO - 400_000, "reload"), mark(TO - 300_000, "recovered"), mark(TO - 100_000, "reload_failed")];
  const drawn = markers(overview({ marks: marks.toSorted((a, b) => a.at - b.at) }), (each) => each.kind);
  expect(drawn.map(({ at, label }) => [TO - at, label])).toEqual([
    [500_000, "cooldown"],
    [400_000, ""],
    [100_000, "reload_failed"],
  ]);
});

it("knows mean and peak of what is known", () => {
  expect(summary([null, 1, 3, null])).toEqual({ mean: 2, peak: 3, at: 2 });
  expect(summary([null])).toEqual({ mean: null, peak: null, at: -1 });
});

it("lays out traffic: each column holds all requests, ribbons fill their nodes", () => {
  const flows: Flow[] = Array.from({ length: 12 }, (_, at) => ({ format: at % 2 === 0 ? "chat" : "gemini", model: `m${at}`, credential: `c${at % 3}`, requests: at + 1, failed: 0, tokens: 0 }));
  const { nodes, ribbons } = layOut(flows, 300, 5);
  for (const column of [0, 1, 2]) expect(nodes.filter((node) => node.column === column).reduce((sum, node) => sum + node.requests, 0)).toBe(78);
  const models = nodes.filter((node) => node.column === 1);
  expect(models.map((node) => node.name)).toEqual(["m11", "m10", "m9", "m8", OTHER]);
  for (const node of nodes) {
    for (const side of ["from", "to"] as const) {
      const own = ribbons.filter((ribbon) => ribbon[side] === node.key);
      if (own.length > 0) expect(own.reduce((sum, ribbon) => sum + ribbon.requests, 0)).toBe(node.requests);
    }
  }
  for (const [above, below] of models.slice(0, -1).map((node, at) => [node, models[at + 1]!] as const)) expect(below.y).toBeGreaterThanOrEqual(above.y + above.height);
  expect(layOut([], 300)).toEqual({ nodes: [], ribbons: [], height: 0 });
});
