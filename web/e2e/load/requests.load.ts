/**
 * The page of requests at 50 rows a second, and with 5,000 rows: what it takes of the
 * main thread and of memory, how much of it is in the document, how soon it is there.
 * Figures against their goals, in a table; only what is counted is asserted.
 *
 * `AIGW_LOAD_SECONDS` makes it shorter (60), `AIGW_LOAD_PROFILE` names a file for a
 * profile of the page, which the browser's own tools open.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "../browser";
import { type Gateway, startGateway } from "../gateway";
import { signIn } from "../pages";
import { rowElements } from "../rows";
import { CLIENT_KEY, flood } from "../traffic";
import { between, Meter } from "./cost";

const PER_SECOND = 50;
const SECONDS = Number(process.env.AIGW_LOAD_SECONDS ?? "60");
const PROFILE = process.env.AIGW_LOAD_PROFILE;
const ROWS = 5_000;
const NAVIGATIONS = 5;

const CONFIG = `host: 127.0.0.1
dashboard: {enabled: true}
echo: on
api-keys: [{name: tests, key: ${CLIENT_KEY}}]
`;

type Sent = { sent: number; answered: number; seconds: number };

async function generate(gateway: Gateway, seconds: number): Promise<Sent> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "generator.mjs"), gateway.url, CLIENT_KEY, String(PER_SECOND), String(seconds)]);
  return JSON.parse(stdout) as Sent;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

describe.skipIf(noBrowser)("the page of requests", () => {
  let gateway: Gateway;
  let browser: Browser;
  const figures: { figure: string; measured: string; goal: string; met: string }[] = [];
  const put = (figure: string, measured: string, goal = "", met?: boolean) => figures.push({ figure, measured, goal, met: met === undefined ? "" : met ? "yes" : "NO" });

  beforeAll(async () => {
    gateway = await startGateway({ config: CONFIG });
    browser = await openBrowser();
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    console.table(figures);
    await browser.close();
    await gateway.remove();
  });

  it(`takes ${PER_SECOND} rows a second`, async () => {
    const { page, errors } = browser;
    await flood(gateway.url, 100);
    await page.goto(`${gateway.url}/dashboard/requests?range=1h`);
    await page.locator("main [role=row][data-key]").first().waitFor();
    const meter = await Meter.of(page);
    // The scripts are compiled, and the buffers have their first rows.
    await generate(gateway, 5);
    const profiler = PROFILE === undefined ? null : await page.context().newCDPSession(page);
    await profiler?.send("Profiler.enable");
    await profiler?.send("Profiler.start");
    const heap = await meter.heap();
    const before = await meter.look();
    const sent = await generate(gateway, SECONDS);
    const cost = between(before, await meter.look());
    const grown = (await meter.heap()) - heap;
    if (profiler !== null && PROFILE !== undefined) writeFileSync(PROFILE, JSON.stringify((await profiler.send("Profiler.stop")).profile));

    expect(sent.answered).toBe(sent.sent);
    const share = (seconds: number) => `${((100 * seconds) / cost.seconds).toFixed(1)} %`;
    put("rows a second", (sent.sent / sent.seconds).toFixed(1), String(PER_SECOND));
    put("main thread, processor time", share(cost.thread), "< 20 %", cost.thread < 0.2 * cost.seconds);
    // Whatever else runs on the machine lengthens this one, so that it is no measure of the page.
    put("  by the wall clock", share(cost.wall));
    put("  of it scripts, styles, layout", [cost.script, cost.style, cost.layout].map(share).join(", "));
    put(`heap growth in ${Math.round(cost.seconds)} s`, `${(grown / 1e6).toFixed(1)} MB`, "< 10 MB", grown < 10e6);
    put("row elements meanwhile", String(await rowElements(page)), "< 60");
    expect(await rowElements(page)).toBeLessThan(60);
    expect(errors).toEqual([]);
  });

  it(`is there soon with ${ROWS} rows in the range`, async () => {
    const { page, errors } = browser;
    const answered = PER_SECOND * (SECONDS + 5) + 100;
    await flood(gateway.url, ROWS - answered);
    // Run by the debugger in each new document: the page's policy has no say in that.
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (document.querySelector("main [role=row][data-key]") === null) return;
        observer.disconnect();
        performance.mark("first-rows");
      }).observe(document, { childList: true, subtree: true });
    });
    const cache = await page.context().newCDPSession(page);
    for (const cold of [true, false]) {
      await cache.send("Network.setCacheDisabled", { cacheDisabled: cold });
      const times: number[] = [];
      for (let navigation = 0; navigation < NAVIGATIONS; navigation += 1) {
        await page.goto("about:blank");
        await page.goto(`${gateway.url}/dashboard/requests?range=1h`);
        await page.locator("main [role=row][data-key]").first().waitFor();
        // Counted from the beginning of the navigation.
        times.push(await page.evaluate(() => performance.getEntriesByName("first-rows")[0]!.startTime));
      }
      put(`first rows, ${cold ? "nothing cached" : "cached"}: median, slowest of ${NAVIGATIONS}`, `${median(times).toFixed(0)}, ${Math.max(...times).toFixed(0)} ms`, "< 2500 ms", Math.max(...times) < 2500);
    }
    put(`row elements of ${ROWS} rows`, String(await rowElements(page)), "< 60");
    expect(await rowElements(page)).toBeLessThan(60);
    expect(errors).toEqual([]);
  });
});
