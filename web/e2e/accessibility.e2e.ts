/** axe on every page, light and dark, and on all that opens in them. The way through without a pointer is in `keyboard.e2e.ts`. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import type { Gateway } from "./gateway";
import { PAGES, pageName, settled, show, signIn } from "./pages";
import { ask, someTraffic, startBusy } from "./traffic";

/** The tabs of a request, after the first one. */
const TABS = ["streams", "request", "response", "routing", "loss", "log"] as const;

const REQUEST = "req-of-the-tabs";

type Scene = { name: string; path: string; open?: (page: Page) => Promise<void>; width?: number };

const press = (page: Page, name: string | RegExp) => page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name }).first().click();
const dialog = (page: Page, name?: string | RegExp) => page.getByRole("dialog", name === undefined ? {} : { name }).last().waitFor();

/** The first row of a list, opened. */
async function openRow(page: Page): Promise<void> {
  await page.locator("main :is([role=row][data-key], [data-provider], [data-auth-key])").first().click();
  await dialog(page);
}

/** All that is folded away in a dialog. */
async function unfold(page: Page): Promise<void> {
  await page.locator("dialog details").evaluateAll((parts) => {
    for (const part of parts) (part as HTMLDetailsElement).open = true;
  });
}

async function provider(page: Page, name: string): Promise<void> {
  await page.getByRole("table", { name: "Credentials" }).getByRole("link", { name, exact: true }).click();
  await dialog(page, name);
}

async function writeConfig(page: Page): Promise<void> {
  await page.locator(".cm-content").focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# A line more\n");
  await page.getByText("can be used").waitFor();
}

const OPENED: Scene[] = [
  { name: "a request", path: "/requests?range=1h", open: openRow },
  {
    name: "two requests compared",
    path: "/requests?range=1h",
    open: async (page) => {
      for (const at of [0, 1]) await page.locator("main").getByRole("checkbox", { name: /^Pick / }).nth(at).check();
      await press(page, /^Compare/);
      await dialog(page);
    },
  },
  {
    name: "the columns of the requests",
    path: "/requests?range=1h",
    open: async (page) => {
      await press(page, /^Columns/);
      await page.getByRole("dialog").or(page.getByRole("menu")).first().waitFor();
    },
  },
  {
    name: "the range",
    path: "/metrics",
    open: async (page) => {
      await page.locator("header").getByRole("button", { name: /^Time range: / }).click();
      await page.getByRole("dialog").or(page.getByRole("menu")).first().waitFor();
    },
  },
  {
    name: "an answer of the playground",
    path: "/playground?model=echo",
    open: async (page) => {
      await page.getByLabel(/^Text of message 1/).fill("/wps 0 Hello there");
      await press(page, /^Send/);
      await page.getByRole("link", { name: "Open the request" }).waitFor();
    },
  },
  { name: "a provider", path: "/providers", open: openRow },
  { name: "the presets of a provider", path: "/providers?add=choose", open: (page) => dialog(page) },
  {
    name: "a new provider",
    path: "/providers?add=custom",
    open: async (page) => {
      await dialog(page);
      await unfold(page);
      await press(page, "Review the change");
      await page.getByText("a provider needs a key").waitFor();
    },
  },
  {
    name: "a provider edited",
    path: "/providers",
    open: async (page) => {
      await provider(page, "other");
      await press(page, "Edit");
      await page.getByLabel("Name", { exact: true }).fill("another");
      await press(page, "Review the change");
      await page.getByRole("region", { name: "Lines of the configuration file" }).waitFor();
    },
  },
  {
    name: "a provider deleted",
    path: "/providers",
    open: async (page) => {
      await provider(page, "other");
      await press(page, "Delete");
      await page.getByText("removes 1 provider: other").waitFor();
    },
  },
  { name: "a model", path: "/models", open: openRow },
  { name: "a name resolved", path: "/models?ask=gpt-4o", open: (page) => page.getByText("chosen", { exact: true }).first().waitFor() },
  { name: "a key", path: "/keys", open: openRow },
  {
    name: "a new key",
    path: "/keys?add=1",
    open: async (page) => {
      await dialog(page);
      await unfold(page);
    },
  },
  {
    name: "a key deleted",
    path: "/keys",
    open: async (page) => {
      await openRow(page);
      await press(page, "Delete");
      await dialog(page, /^Delete key/);
    },
  },
  {
    name: "routing explained, and its change",
    path: "/routing?model=gpt-4o",
    open: async (page) => {
      await page.getByRole("region", { name: "Route" }).getByText("chosen").waitFor();
      await page.getByRole("combobox", { name: "Strategy" }).selectOption("weighted");
      await press(page, "Review");
      await dialog(page);
    },
  },
  { name: "what is in force", path: "/config?tab=effective" },
  { name: "the schema", path: "/config?tab=schema" },
  {
    name: "a change of the configuration",
    path: "/config",
    open: async (page) => {
      await writeConfig(page);
      await press(page, "Review");
      await dialog(page);
      await page.locator("dialog .cm-content").waitFor();
    },
  },
  {
    name: "the search of the editor",
    path: "/config",
    open: async (page) => {
      await page.locator(".cm-content").focus();
      await page.keyboard.press("Control+f");
      await page.locator(".cm-search").waitFor();
    },
  },
  { name: "a line of the log", path: "/logs", open: (page) => page.locator("main [role=row][data-key] button").first().click() },
  { name: "a record", path: "/system", open: openRow },
  { name: "the bundle for support", path: "/system?ask=support", open: (page) => dialog(page) },
  { name: "a page that is not there", path: "/nowhere", open: (page) => page.getByRole("heading", { level: 1 }).waitFor() },
  {
    name: "the palette",
    path: "/",
    open: async (page) => {
      await page.keyboard.press("Control+k");
      await dialog(page, "Command palette");
    },
  },
  {
    name: "the list of shortcuts",
    path: "/",
    open: async (page) => {
      await page.keyboard.press("?");
      await dialog(page, "Keyboard shortcuts");
    },
  },
  {
    name: "the menu of a small screen",
    path: "/",
    width: 390,
    open: async (page) => {
      await press(page, "Open menu");
      await dialog(page);
    },
  },
];

describe.skipIf(noBrowser)("accessibility", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startBusy();
    await someTraffic(gateway.url, 1);
    await ask(gateway.url, { shape: "messages", model: "assistant-tools", tools: true, headers: { "x-request-id": REQUEST } });
    browser = await openBrowser();
  });
  afterAll(async () => {
    // The browser itself tells of the form that was refused.
    expect(browser.errors.filter((error) => !error.includes("422 (Unprocessable Entity)"))).toEqual([]);
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

  it("the way in has no violation", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/login`);
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText(/./).waitFor();
    await check(page);
    await signIn(browser, gateway);
  });

  it.each(PAGES.map((path) => ({ name: pageName(path), path })))("$name has no violation", async ({ path }) => {
    await show(browser.page, gateway, path);
    await check(browser.page);
  });

  it.each(OPENED)("nor has $name", async ({ path, open, width = 1400 }) => {
    const { page } = browser;
    await page.setViewportSize({ width, height: 900 });
    await show(page, gateway, path);
    await open?.(page);
    await settled(page);
    await check(page);
  });

  it.each(TABS)("nor has the %s of a request", async (tab) => {
    const { page } = browser;
    await show(page, gateway, `/requests/${REQUEST}?tab=${tab}`);
    await page.getByRole("tab", { selected: true }).first().waitFor();
    await check(page);
  });
});
