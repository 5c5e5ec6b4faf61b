/** The gateway dies under open pages and comes back: they say so, return by themselves, and have every row once. */
import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { signIn } from "./pages";
import { listedIds, loggedIds } from "./rows";
import { ask, CLIENT_KEY, flood } from "./traffic";

const CONFIG = `host: 127.0.0.1
dashboard: {enabled: true}
echo: on
api-keys: [{name: tests, key: ${CLIENT_KEY}}]
`;

const BACK = 60_000; // ms; the pauses between tries grow to half a minute

describe.skipIf(noBrowser)("a gateway that is killed and started again", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeEach(async () => {
    gateway = await startGateway({ config: CONFIG });
    browser = await openBrowser();
    await signIn(browser, gateway);
  });
  afterEach(async () => {
    await browser.close();
    await gateway.remove();
  });

  const live = (page: Page) => page.getByRole("status").filter({ hasText: /^live$/ });
  const away = (page: Page) => page.getByText(/^reconnecting|^stale since|^every 5 s/);

  /** What the browser itself says of a gateway that is not there. */
  const ofOurs = (errors: readonly string[]) => errors.filter((error) => !/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_FAILED .*ws-ticket|WebSocket connection/.test(error));

  /** Until the log, which is written behind the answers, has so many. */
  async function logHas(requests: number): Promise<void> {
    await expect.poll(async () => (await loggedIds(browser.context, gateway)).length, { timeout: BACK }).toBe(requests);
  }

  /** Until the list is that of the log; what is too much to come by itself is asked for, as a person would. */
  async function sameAsLog(page: Page, requests: number): Promise<void> {
    await logHas(requests);
    const logged = await loggedIds(browser.context, gateway);
    expect(new Set(logged).size).toBe(requests);
    // Where it is depends on who else watched meanwhile: the hub knows the rows since then.
    await expect.poll(() => listedIds(page, "Load them"), { timeout: BACK }).toEqual(logged);
  }

  /** Until the overview has so many in its numbers. */
  async function counted(page: Page, requests: number): Promise<void> {
    await page.bringToFront();
    await page.getByText(`${requests} in all`, { exact: false }).waitFor({ timeout: BACK });
  }

  it("loses no row and doubles none, and the pages come back by themselves", { timeout: 240_000 }, async () => {
    const { page: requests, context, errors } = browser;
    const overview = await context.newPage();
    await overview.goto(`${gateway.url}/dashboard/?range=15m`);
    await flood(gateway.url, 5);
    await requests.goto(`${gateway.url}/dashboard/requests?range=15m`);
    await Promise.all([live(requests).waitFor(), live(overview).waitFor()]);
    await flood(gateway.url, 7);
    await sameAsLog(requests, 12);
    await counted(overview, 12);

    // One that is answered when it dies is in no log: it must not go on running in the list.
    const cut = ask(gateway.url, { model: "echo-slow", text: "This one takes many words and is cut off in the midst of them" }).catch(() => null);
    const running = requests.locator("[role=row][data-key]", { hasText: "echo-slow" });
    await running.waitFor();
    await gateway.stop("SIGKILL");
    await cut;
    await Promise.all([away(requests).waitFor(), away(overview).waitFor()]);
    // What was there stays, and is not taken for news.
    expect((await listedIds(requests)).length).toBe(12);
    await counted(overview, 12);

    await gateway.again();
    await flood(gateway.url, 9);
    await Promise.all([live(requests).waitFor({ timeout: BACK }), live(overview).waitFor({ timeout: BACK })]);
    await flood(gateway.url, 4);
    await sameAsLog(requests, 25);
    await counted(overview, 25);
    await running.waitFor({ state: "detached" });

    // More than comes by itself, and a second death with a page that has been through one.
    await gateway.stop("SIGKILL");
    await away(requests).waitFor();
    // The page must not be back before they are all there: what comes after would push the hole out of sight.
    await requests.route("**/ws-ticket", (route) => route.abort());
    await gateway.again();
    // Another page is back in between: what came before is a hole below what comes by itself.
    await flood(gateway.url, 210);
    await overview.bringToFront();
    await live(overview).waitFor({ timeout: BACK });
    await flood(gateway.url, 50);
    await logHas(285);
    await requests.unroute("**/ws-ticket");
    await live(requests).waitFor({ timeout: BACK });
    await sameAsLog(requests, 285);

    // The session has outlived both: what needs it is there, and nobody was asked to sign in.
    await requests.getByRole("link", { name: "System", exact: true }).click();
    await requests.getByRole("button", { name: "Reload configuration" }).click();
    await requests.getByRole("dialog").getByRole("button", { name: "Reload", exact: true }).click();
    await requests.getByRole("dialog").waitFor({ state: "detached" });
    expect(await requests.getByRole("heading", { name: "Sign in again" }).count()).toBe(0);
    await requests.reload();
    await requests.getByRole("heading", { level: 1, name: "System" }).waitFor();
    expect(ofOurs(errors)).toEqual([]);
  });
});
