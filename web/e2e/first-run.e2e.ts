/** From nothing to both streams of a first request, with a picture of each step. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { settled } from "./pages";

const FOLDER = process.env.AIGW_SHOTS;

describe.skipIf(noBrowser)("the first run", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startGateway();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });

  /** A picture of a step, where `AIGW_SHOTS` names a folder for them. */
  async function picture(step: string): Promise<void> {
    if (FOLDER === undefined) return;
    mkdirSync(FOLDER, { recursive: true });
    await browser.page.screenshot({ path: join(FOLDER, `first-run-${step}.png`) });
  }

  it("leads from the printed link to both streams of a request, without a word in the console", async () => {
    const { page, errors } = browser;
    // Without a session nothing is asked in vain.
    await page.goto(`${gateway.url}/dashboard/`);
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    await page.goto(gateway.link());
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const send = page.getByRole("button", { name: "Send a test request" });
    await send.waitFor();
    await picture("1-overview");

    // Another page of the same session sees it happen.
    const list = await browser.context.newPage();
    await list.goto(`${gateway.url}/dashboard/requests`);
    await list.getByText("No requests in this range").waitFor();
    await list.getByRole("status").filter({ hasText: /^live$/ }).waitFor();

    await send.click();
    await page.getByText(/^It works: status 200/).waitFor();
    await picture("2-sent");

    const row = list.locator("main [role=row][data-key]").first();
    await row.getByText("echo", { exact: true }).first().waitFor();
    await list.bringToFront();
    if (FOLDER !== undefined) await list.screenshot({ path: join(FOLDER, "first-run-3-row.png") });
    await row.click();
    const drawer = list.getByRole("dialog");
    await drawer.getByRole("tab", { name: "Streams" }).click();
    const table = drawer.getByRole("table");
    await table.getByRole("row").nth(3).waitFor();
    await settled(list);
    if (FOLDER !== undefined) await list.screenshot({ path: join(FOLDER, "first-run-4-streams.png") });

    // Each line of text that went to the client stands beside the event that brought it.
    const joined = await table.getByRole("row").evaluateAll((rows) => rows.map((each) => [...each.querySelectorAll("[role=cell]")].map((cell) => cell.textContent)).filter((cells) => cells.length === 4));
    const both = joined.filter(([, upstream, canonical, client]) => upstream !== "" && canonical !== "" && client !== "");
    expect(both.length).toBeGreaterThan(2);

    await list.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    expect(new URL(list.url()).pathname).toBe("/dashboard/requests");
    expect(errors).toEqual([]);
  });
});
