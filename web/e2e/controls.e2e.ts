import { writeFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { controls, opened } from "./census";
import type { Gateway } from "./gateway";
import { show, signIn } from "./pages";
import { someTraffic, startBusy } from "./traffic";
import { VIEWS } from "./views";

const found: Record<string, Record<string, string[]>> = {};
describe.skipIf(noBrowser)("controls", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startBusy();
    await someTraffic(gateway.url, 1);
    browser = await openBrowser();
    browser.page.setDefaultTimeout(6000);
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    writeFileSync("/tmp/h-pe/census.json", JSON.stringify(found, null, 1));
    await browser.close();
    await gateway.remove();
  });

  it.each(VIEWS.map((view) => ({ title: `${view.page}: ${view.name}`, view })))("$title", async ({ view }) => {
    const { page } = browser;
    await show(page, gateway, view.path);
    await view.open?.(page, gateway);
    const names = view.root === undefined ? await opened(page) : await controls(page.locator(view.root));
    (found[view.page] ??= {})[view.name] = names;
    expect(names.length).toBeGreaterThan(0);
  });
});
