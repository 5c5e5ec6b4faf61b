/**
 * That nothing sticks out, is cut off, lies on another control or jumps while it loads: every
 * page, wide and narrow, with data and without.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { clutter } from "./layout";
import { PAGES, pageName, settled, show, signIn } from "./pages";
import { someTraffic, startBusy } from "./traffic";

const SIZES = [
  { width: 1400, height: 900 },
  { width: 390, height: 844 },
];
const LOOKS = SIZES.flatMap((size) => PAGES.map((path) => ({ name: pageName(path), path, size, width: size.width })));

/** Counted, not timed: the share of the window that has moved by itself. 0.01 leaves room for a line that became a pixel taller. */
const SHIFT = 0.01;

type Shift = { value: number; what: string[] };

/** Counts from before the first element of each page that is loaded. */
async function countShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    type Entry = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[] };
    const shifts: Shift[] = [];
    (globalThis as unknown as { shifts: Shift[] }).shifts = shifts;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as Entry[]) {
        if (entry.hadRecentInput) continue;
        const what = entry.sources.map(({ node, previousRect: was, currentRect: is }) => {
          const element = node instanceof Element ? node : node?.parentElement;
          return `${element?.tagName.toLowerCase() ?? "?"} "${element?.textContent.slice(0, 40) ?? ""}" from ${was.x},${was.y} to ${is.x},${is.y}`;
        });
        shifts.push({ value: entry.value, what });
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

async function shifts(page: Page): Promise<Shift[]> {
  // What was laid out last is counted in the frame after it.
  return page.evaluate(() => new Promise<Shift[]>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done((globalThis as unknown as { shifts: Shift[] }).shifts)))));
}

describe.skipIf(noBrowser).each([
  { kind: "data", start: startBusy },
  { kind: "nothing yet", start: startGateway },
])("with $kind", ({ kind, start }) => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await start();
    if (kind === "data") await someTraffic(gateway.url, 2);
    browser = await openBrowser();
    await signIn(browser, gateway);
    await countShifts(browser.page);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });

  it.each(LOOKS)("$name keeps its shape, $width wide", async ({ path, size }) => {
    const { page } = browser;
    await page.setViewportSize(size);
    await show(page, gateway, path);
    expect(await clutter(page)).toEqual([]);
    const moved = await shifts(page);
    expect(moved.reduce((sum, { value }) => sum + value, 0), JSON.stringify(moved, null, 2)).toBeLessThan(SHIFT);
  });

  it.runIf(kind === "data").each(SIZES)("so does a request, in the drawer and on its page, $width wide", async (size) => {
    const { page } = browser;
    await page.setViewportSize(size);
    await show(page, gateway, "/requests?range=1h&q=model:assistant");
    await page.locator("main [role=row][data-key]").first().click();
    await page.locator("dialog[open]").waitFor();
    await settled(page);
    expect(await clutter(page)).toEqual([]);
    const id = new URL(page.url()).searchParams.get("id") ?? "";
    for (const tab of ["timeline", "streams", "request", "response", "routing", "loss", "log"]) {
      await show(page, gateway, `/requests/${id}?tab=${tab}`);
      expect(await clutter(page), tab).toEqual([]);
      const moved = await shifts(page);
      expect(moved.reduce((sum, { value }) => sum + value, 0), `${tab} ${JSON.stringify(moved, null, 2)}`).toBeLessThan(SHIFT);
    }
  });
});
