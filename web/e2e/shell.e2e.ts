import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

describe.skipIf(noBrowser)("signing in", () => {
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

  it("works once with the printed link, and the token leaves the address", async () => {
    const { page, errors } = browser;
    await page.goto(gateway.link());
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    expect(page.url()).not.toContain("link=");
    expect(await accessibility(page)).toEqual([]);
    expect(errors).toEqual([]);

    const other = await openBrowser();
    await other.page.goto(gateway.link());
    await other.page.getByText(/The link does not work/).waitFor();
    await other.close();
  });

  it("leads to the form without a session, which says how to set a password", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/requests?q=status:429`);
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    expect(new URL(page.url()).searchParams.get("next")).toBe("/requests?q=status:429");
    await page.getByText("aigw hash-password").waitFor();
    expect(await accessibility(page)).toEqual([]);
  });
});
