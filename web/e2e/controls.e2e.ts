/**
 * Every control on every page does what it says: those that stand on the pages are
 * collected and looked up in `controls.ts`, which names the test that proves each.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { controls, opened } from "./census";
import { CONTROLS, fits } from "./controls";
import type { Gateway } from "./gateway";
import { show, signIn } from "./pages";
import { someTraffic, startBusy } from "./traffic";
import { type View, VIEWS } from "./views";

const WEB = join(import.meta.dirname, "..");
/** Pages at a time: most of the time is waiting. */
const TABS = 4;

describe("the list of controls", () => {
  const entries = Object.entries(CONTROLS).flatMap(([page, files]) => Object.entries(files).flatMap(([file, tests]) => Object.entries(tests).map(([title, names]) => ({ page, file, title, names }))));
  const text = new Map(entries.map(({ file }) => [file, readFileSync(join(WEB, file), "utf8")]));

  it("names tests that there are", () => {
    const missing = entries.filter(({ file, title }) => !text.get(file)?.includes(`it(${JSON.stringify(title)}`));
    expect(missing.map(({ file, title }) => `${file}: ${title}`)).toEqual([]);
  });

  it("names each control of a page once", () => {
    for (const page of Object.keys(CONTROLS)) {
      const names = entries.filter((entry) => entry.page === page).flatMap((entry) => entry.names);
      expect(names.filter((name, at) => names.indexOf(name) !== at), page).toEqual([]);
    }
  });
});

describe.skipIf(noBrowser)("the controls of all pages", () => {
  it("are each proven by a test", { timeout: 240_000 }, async () => {
    const gateway = await startBusy();
    await someTraffic(gateway.url, 1);
    const browser = await openBrowser();
    await signIn(browser, gateway);
    const found = await collected(browser, gateway);
    expect(browser.errors.filter((error) => !/ (404|422|409) /.test(error))).toEqual([]);
    await browser.close();
    await gateway.remove();
    // For whoever writes the list.
    if (process.env.AIGW_CENSUS !== undefined) writeFileSync(process.env.AIGW_CENSUS, JSON.stringify([...found].map(([page, names]) => [page, [...names]]), null, 1));

    for (const [page, names] of found) {
      const known = Object.values(CONTROLS[page] ?? {}).flatMap((tests) => Object.values(tests).flat());
      expect.soft(
        [...names].filter(([name]) => !known.some((each) => fits(each, name))).map(([name, view]) => `${name} (${view})`),
        `controls of ${page} without a test`,
      ).toEqual([]);
      const gone = known.filter((each) => !each.startsWith("~") && ![...names.keys()].some((name) => fits(each, name)));
      expect.soft(gone, `listed for ${page}, but not there`).toEqual([]);
    }
  });
});

/** By page: each control, and the view in which it was first seen. */
async function collected(browser: Browser, gateway: Gateway): Promise<Map<string, Map<string, string>>> {
  const found = new Map<string, Map<string, string>>();
  const look = async (page: Page, view: View) => {
    await show(page, gateway, view.path);
    await view.open?.(page, gateway);
    const names = view.root === undefined ? await opened(page) : await controls(page.locator(view.root));
    const of = found.get(view.page) ?? new Map<string, string>();
    for (const name of names) if (!of.has(name)) of.set(name, view.name);
    found.set(view.page, of);
  };
  const failed: string[] = [];
  const work = async (views: View[]) => {
    const page = await browser.context.newPage();
    page.setDefaultTimeout(20_000);
    for (let view = views.shift(); view !== undefined; view = views.shift()) {
      const name = `${view.page}: ${view.name}`;
      await look(page, view).catch((error: unknown) => failed.push(`${name}: ${error instanceof Error ? error.message.split("\n").slice(0, 3).join(" ") : String(error)}`));
    }
    await page.close();
  };
  const together = VIEWS.filter((view) => view.alone !== true);
  await Promise.all(Array.from({ length: TABS }, () => work(together)));
  await work(VIEWS.filter((view) => view.alone === true));
  expect(failed, "views that could not be opened").toEqual([]);
  return found;
}
