/** A gateway with traffic and somebody signed in, for all tests of a file. */
import { readFileSync } from "node:fs";

import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";

import { type Browser, openBrowser } from "./browser";
import type { Gateway } from "./gateway";
import { loaded, signIn } from "./pages";
import { someTraffic, startBusy } from "./traffic";

export type Busy = {
  readonly gateway: Gateway;
  readonly page: Page;
  /** What stands in the console since the test began. */
  readonly errors: string[];
  /** Goes to an address below `/dashboard`. */
  show: (path: string) => Promise<void>;
  /** What a parameter of the address says. */
  asked: (name: string) => string | null;
  /** Asks the dashboard's API with the session of the page. */
  api: <T>(path: string) => Promise<T>;
  /** Presses, and gives what was copied. */
  copied: (control: Locator) => Promise<string>;
  /** Presses, and gives the file that comes. */
  saved: (control: Locator) => Promise<{ name: string; text: string }>;
};

/** Starts and stops it around the tests of the block; a word in the console fails the test. */
export function useBusy(): Busy {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startBusy();
    await someTraffic(gateway.url, 1);
    browser = await openBrowser();
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    browser.page.setDefaultTimeout(15_000);
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });
  beforeEach(() => {
    browser.errors.length = 0;
  });
  afterEach(() => expect(browser.errors).toEqual([]));

  return {
    get gateway() {
      return gateway;
    },
    get page() {
      return browser.page;
    },
    get errors() {
      return browser.errors;
    },
    show: async (path) => {
      await browser.page.goto(`${gateway.url}/dashboard${path}`);
      await loaded(browser.page);
    },
    asked: (name) => new URL(browser.page.url()).searchParams.get(name),
    api: async <T>(path: string) => {
      const answer = await browser.page.request.get(`${gateway.url}/api/dashboard${path}`);
      expect(answer.status()).toBe(200);
      return (await answer.json()) as T;
    },
    copied: async (control) => {
      const { page } = browser;
      await page.evaluate(() => navigator.clipboard.writeText("nothing was copied"));
      await control.click();
      await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).not.toBe("nothing was copied");
      return page.evaluate(() => navigator.clipboard.readText());
    },
    saved: async (control) => {
      const download = browser.page.waitForEvent("download");
      await control.click();
      const file = await download;
      return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
    },
  };
}
