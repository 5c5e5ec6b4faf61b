/** A list of thousands: all of it can be reached, and hardly any of it is in the document. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { signIn } from "./pages";
import { loggedIds, rowElements } from "./rows";
import { CLIENT_KEY, flood } from "./traffic";

const ROWS = 5_000;
const MOST_ELEMENTS = 60;

const CONFIG = `host: 127.0.0.1
dashboard: {enabled: true}
echo: on
api-keys: [{name: tests, key: ${CLIENT_KEY}}]
`;

describe.skipIf(noBrowser)(`the list of ${ROWS} requests`, () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startGateway({ config: CONFIG });
    browser = await openBrowser();
    await signIn(browser, gateway);
    await flood(gateway.url, ROWS);
  }, 240_000);
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });

  it(`has fewer than ${MOST_ELEMENTS} row elements, from its top to its end`, { timeout: 180_000 }, async () => {
    const { page, errors } = browser;
    await page.goto(`${gateway.url}/dashboard/requests?range=6h`);
    await page.locator("main [role=row][data-key]").first().waitFor();
    expect(await rowElements(page)).toBeLessThan(MOST_ELEMENTS);
    await expect.poll(async () => (await loggedIds(browser.context, gateway)).length).toBe(ROWS);

    // To the end again and again: older ones come whenever it is reached.
    const seen = await page.evaluate(async (rows) => {
      const table = document.querySelector("main [role=table]")!;
      const scroller = table.parentElement!;
      let most = 0;
      let last = 0;
      // The last of all is no request: it says that these are all of them.
      while (last < rows + 2) {
        scroller.scrollTop = scroller.scrollHeight;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const elements = table.querySelectorAll("[role=row]");
        most = Math.max(most, elements.length);
        last = Number(elements[elements.length - 1]?.getAttribute("aria-rowindex"));
      }
      return { most, last };
    }, ROWS);
    expect(seen.last).toBe(ROWS + 2);
    expect(seen.most).toBeLessThan(MOST_ELEMENTS);
    expect(errors).toEqual([]);
  });
});
