/** axe on every page, light and dark, and with a drawer open; and the way through without a pointer. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import type { Gateway } from "./gateway";
import { PAGES, pageName, settled, show, signIn } from "./pages";
import { someTraffic, startBusy } from "./traffic";

/** Where a row opens something. */
const DRAWERS = ["/requests?range=1h", "/providers", "/models", "/system"];

describe.skipIf(noBrowser)("accessibility", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startBusy();
    await someTraffic(gateway.url, 1);
    browser = await openBrowser();
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    expect(browser.errors).toEqual([]);
    await browser.close();
    await gateway.remove();
  });

  async function check(page: Page): Promise<void> {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const found = await accessibility(page);
      expect(found, colorScheme).toEqual([]);
    }
  }

  it.each(PAGES.map((path) => ({ name: pageName(path), path })))("$name has no violation", async ({ path }) => {
    await show(browser.page, gateway, path);
    await check(browser.page);
  });

  it.each(DRAWERS)("nor has what a row of %s opens", async (path) => {
    const { page } = browser;
    await show(page, gateway, path);
    await page.locator("main [role=row][data-key], main tbody tr button").first().click();
    await page.locator("dialog[open]").waitFor();
    await settled(page);
    await check(page);
  });

  it("nor have the palette and the list of shortcuts", async () => {
    const { page } = browser;
    await show(page, gateway, "/");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Command palette" }).waitFor();
    await check(page);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await check(page);
  });

  it("lets one go everywhere and open a request without a pointer", async () => {
    const { page } = browser;
    await show(page, gateway, "/");
    const heading = (name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    // Past the sidebar, by the link that is there for that.
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the page");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("page");

    for (const [key, name] of [["p", "Playground"], ["v", "Providers"], ["m", "Models"], ["k", "Keys"], ["t", "Routing"], ["c", "Config"], ["l", "Logs"], ["s", "System"], ["o", "Overview"], ["r", "Requests"]] as const) {
      // The editor of a page takes letters for itself.
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await heading(name);
    }
    await settled(page);

    // The list: down, down, open, next, close; the focus comes back to the row.
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-key") ?? null);
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-key") !== null);
    const first = await focused();
    await page.keyboard.press("j");
    await page.waitForFunction((key) => ![null, key].includes(document.activeElement?.getAttribute("data-key") ?? null), first);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Shift+J");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "row");

    // The filter, by its key; then a page by its name.
    await page.keyboard.press("/");
    await page.keyboard.type("status:429");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=status:429/);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Command palette" }).waitFor();
    await page.keyboard.type("metrics");
    await page.keyboard.press("Enter");
    await heading("Metrics");
  });
});
