import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

describe.skipIf(noBrowser)("the live connection", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.remove());
  beforeEach(async () => {
    browser = await openBrowser();
  });
  afterEach(() => browser.close());

  it("says that it is live, that it is not, and comes back when the gateway does", async () => {
    const { page } = browser;
    await page.goto(gateway.link());
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor();
    await gateway.stop("SIGKILL");
    await page.getByText(/^reconnecting|^every 5 s/).waitFor();
    await gateway.again();
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor({ timeout: 40_000 });
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Overview");
  });
});
