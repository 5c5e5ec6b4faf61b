/**
 * Stands for uPlot, which draws on a canvas that jsdom has not got: keeps what it was
 * told, and lets a test drag over the chart.
 *
 *     vi.mock("uplot", async () => ({ default: (await import("../../test/plot")).FakePlot }));
 */
type Options = { hooks: { setSelect: ((plot: object) => void)[] }; cursor: { sync?: { key: string } } };

export const plots: FakePlot[] = [];

export class FakePlot {
  select = { left: 0, width: 0 };

  constructor(
    readonly options: Options,
    public data: (number | null)[][],
  ) {
    plots.push(this);
  }

  setData(data: (number | null)[][]): void {
    this.data = data;
  }

  setSize(): void {
    // Sizes do not change here.
  }

  setSelect(): void {
    this.select = { left: 0, width: 0 };
  }

  /** One pixel is a second after the first value. */
  posToVal(at: number): number {
    return (this.data[0]?.[0] ?? 0) + at;
  }

  /** What a person does: from and to in pixels. */
  drag(from: number, to: number): void {
    this.select = { left: from, width: to - from };
    for (const hook of this.options.hooks.setSelect) hook(this);
  }

  destroy(): void {
    plots.splice(plots.indexOf(this), 1);
  }
}
