/** What a page costs its browser, as the debugger counts it. */
import type { CDPSession, Page } from "playwright-core";

export type Cost = {
  /** Seconds of the wall clock between the two looks. */
  seconds: number;
  /** Seconds the main thread had a processor. */
  thread: number;
  /** Seconds its tasks took by the wall clock: others on the machine lengthen them. */
  wall: number;
  script: number;
  style: number;
  layout: number;
};

type Look = { at: number; thread: Map<string, number>; wall: Map<string, number> };

/** Counts from `begin` to `end`. Two sessions, because each has one clock. */
export class Meter {
  private constructor(
    private readonly thread: CDPSession,
    private readonly wall: CDPSession,
  ) {}

  static async of(page: Page): Promise<Meter> {
    const [thread, wall] = [await page.context().newCDPSession(page), await page.context().newCDPSession(page)];
    await thread.send("Performance.enable", { timeDomain: "threadTicks" });
    await wall.send("Performance.enable", { timeDomain: "timeTicks" });
    await thread.send("HeapProfiler.enable");
    return new Meter(thread, wall);
  }

  async look(): Promise<Look> {
    const [thread, wall] = await Promise.all([this.thread, this.wall].map(async (session) => new Map((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]))));
    return { at: performance.now(), thread: thread!, wall: wall! };
  }

  /** Bytes of the heap that are in use when nothing is left to be collected. */
  async heap(): Promise<number> {
    // What the first leaves to finalizers, the second takes.
    for (let times = 0; times < 2; times += 1) await this.thread.send("HeapProfiler.collectGarbage");
    return (await this.thread.send("Runtime.getHeapUsage")).usedSize;
  }
}

export function between(before: Look, after: Look): Cost {
  const of = (clock: "thread" | "wall", name: string) => (after[clock].get(name) ?? 0) - (before[clock].get(name) ?? 0);
  return {
    seconds: (after.at - before.at) / 1000,
    thread: of("thread", "TaskDuration"),
    wall: of("wall", "TaskDuration"),
    script: of("thread", "ScriptDuration"),
    style: of("thread", "RecalcStyleDuration"),
    layout: of("thread", "LayoutDuration"),
  };
}
