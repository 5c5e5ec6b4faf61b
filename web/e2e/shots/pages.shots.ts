/**
 * Pictures of every page for people to look at: with data and without, light and dark,
 * wide and narrow. `AIGW_SHOTS` is the folder, `AIGW_SHOTS_OF` a part of the names.
 * With `AIGW_SHOTS_TALL` the window is as high as what scrolls in it, so that nothing is out of sight.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";

import { type Browser, openBrowser } from "../browser";
import { type Gateway, startGateway } from "../gateway";
import { PAGES, pageName, settled, show, signIn } from "../pages";
import { someTraffic, startBusy } from "../traffic";
import { OPENED, type Opened, openFirst } from "./opened";

const FOLDER = resolve(process.env.AIGW_SHOTS ?? join(import.meta.dirname, "../../../build/screenshots"));
const WANTED = (process.env.AIGW_SHOTS_OF ?? "").split(",");
const TALL = (process.env.AIGW_SHOTS_TALL ?? "") !== "";
const SIZES = [{ width: 1400, height: 900 }, { width: 390, height: 844 }];

function wanted(name: string): boolean {
  return WANTED.some((part) => name.includes(part));
}

const WITH_DATA: Opened[] = [
  ...PAGES.map((path) => ({ name: pageName(path), path })),
  { name: "requests-open", path: "/requests?range=1h", open: openFirst },
  {
    name: "request",
    path: "/requests?range=1h",
    open: async (page) => {
      await openFirst(page);
      const id = new URL(page.url()).searchParams.get("id") ?? "";
      await page.goto(`${new URL(page.url()).origin}/dashboard/requests/${id}`);
      await settled(page);
      await page.getByRole("tab", { name: "Streams" }).click();
      await settled(page);
    },
  },
  ...OPENED,
];

async function makeTall(page: Page): Promise<void> {
  const missing = await page.evaluate(() => Math.max(0, ...[...document.querySelectorAll("main, dialog[open] *")].filter((each) => /auto|scroll/.test(getComputedStyle(each).overflowY)).map((each) => each.scrollHeight - each.clientHeight)));
  const { width, height } = page.viewportSize() ?? { width: 0, height: 0 };
  await page.setViewportSize({ width, height: Math.min(4000, height + missing) });
}

async function shoot(browser: Browser, gateway: Gateway, { name, path, open }: Opened, kind: string): Promise<void> {
  const { page } = browser;
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await show(page, gateway, path);
    await page.mouse.move(0, 0);
    if (open !== undefined) await open(page);
    if (TALL) await makeTall(page);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      // Charts draw themselves anew in the next frames.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 120))));
      await page.screenshot({ path: join(FOLDER, `${name}-${kind}-${scheme}-${size.width}x${size.height}.png`) });
    }
    await page.emulateMedia({ colorScheme: "light" });
  }
}

describe.each([
  { kind: "data", start: startBusy, shots: WITH_DATA },
  { kind: "empty", start: startGateway, shots: PAGES.map((path) => ({ name: pageName(path), path })) },
])("with $kind", ({ kind, start, shots }) => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    gateway = await start();
    if (kind === "data") await someTraffic(gateway.url);
    browser = await openBrowser();
    if (wanted(`login-${kind}`)) await shoot(browser, gateway, { name: "login", path: "/login" }, kind);
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });

  it.each(shots.filter((shot) => wanted(`${shot.name}-${kind}`)))("$name", async (shot) => {
    await shoot(browser, gateway, shot, kind);
  });
});
