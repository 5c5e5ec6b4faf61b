/** The main work without a pointer: in, to every page, a request, the filter, a key, the configuration, and out. */
import { readFileSync } from "node:fs";

import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { PAGES, pageName, show } from "./pages";
import { ask, CLIENT_KEY } from "./traffic";

const USER = "ann";
const PASSWORD = "correct horse battery";

const CONFIG = `# For people who have no mouse.
host: 127.0.0.1
echo: on
dashboard:
  enabled: true
  username: ${USER}
  password-hash: $2b$04$YR9m0xGDeS8Y6tAhD9B2puqSPPWwacdY5NCwetxLK0PV/S7n1MHGG
api-keys:
  - name: tests
    key: ${CLIENT_KEY}
`;

const MOST_STOPS = 300;

describe.skipIf(noBrowser)("without a pointer", () => {
  let gateway: Gateway;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    gateway = await startGateway({ config: CONFIG });
    for (const model of ["echo", "echo-tools", "echo-error-429"]) await ask(gateway.url, { model, tools: true, text: "/wps 0 Hello" });
    browser = await openBrowser();
    page = browser.page;
  });
  afterAll(async () => {
    // The browser itself tells of the password that was refused.
    expect(browser.errors.filter((error) => !error.includes("401 (Unauthorized)"))).toEqual([]);
    await browser.close();
    await gateway.remove();
  });

  const heading = (name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  const hasFocus = (place: Locator) => place.evaluate((element) => element === document.activeElement);
  const button = (name: string | RegExp) => page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });

  /** Goes on from stop to stop until it is there. */
  async function tabTo(place: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
    await place.waitFor();
    for (let stops = 0; stops < MOST_STOPS; stops += 1) {
      if (await hasFocus(place)) {
        // A button whose action waits for an answer keeps the focus, and does nothing yet.
        await page.waitForFunction(() => document.activeElement?.getAttribute("aria-disabled") !== "true");
        return;
      }
      await page.keyboard.press(key);
    }
    throw new Error(`${key} never comes to ${place.toString()}`);
  }

  /** `g` and the letter, as from anywhere but a field. */
  async function go(letter: string, name: string): Promise<void> {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await heading(name);
  }

  it("one signs in", async () => {
    await page.goto(`${gateway.url}/dashboard/`);
    await heading("Sign in");
    // The first field has the focus; after a wrong password that one has it, to be mended.
    await page.waitForFunction(() => document.activeElement?.getAttribute("autocomplete") === "username");
    await page.keyboard.type(USER);
    await page.keyboard.press("Tab");
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText(/./).waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("autocomplete") === "current-password");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await heading("Overview");
  });

  it("one goes to every page, by its letters and by the links", async () => {
    await show(page, gateway, "/");
    // Past the sidebar, by the link that is there for that.
    await page.keyboard.press("Tab");
    expect(await hasFocus(page.getByRole("link", { name: "Skip to the page" }))).toBe(true);
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("page");
    for (const [letter, name] of [["p", "Playground"], ["v", "Providers"], ["m", "Models"], ["k", "Keys"], ["t", "Routing"], ["c", "Config"], ["l", "Logs"], ["s", "System"], ["o", "Overview"], ["r", "Requests"]] as const) await go(letter, name);
    for (const name of ["Metrics", "Playground", "Overview"]) {
      await tabTo(page.getByRole("navigation").getByRole("link", { name, exact: true }), "Shift+Tab");
      await page.keyboard.press("Enter");
      await heading(name);
    }
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Command palette" }).waitFor();
    await page.keyboard.type("metrics");
    await page.keyboard.press("Enter");
    await heading("Metrics");
  });

  it.each(PAGES.map((path) => ({ name: pageName(path), path })))("$name lets the focus go on, all around", async ({ path }) => {
    await show(page, gateway, path);
    const stops = new Set<string>();
    const around = await page.evaluateHandle(() => document.querySelector("a[href='#page']"));
    let back = false;
    for (let at = 0; at < MOST_STOPS && !back; at += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate((first) => {
        const element = document.activeElement;
        if (element === null || element === document.body) return null;
        const box = element.getBoundingClientRect();
        return { first: element === first, seen: box.width > 0 && box.height > 0, name: element.outerHTML.slice(0, 200) };
      }, around);
      if (stop === null) continue;
      expect(stop.seen, stop.name).toBe(true);
      back = stop.first && stops.size > 0;
      stops.add(stop.name);
    }
    expect(back).toBe(true);
    expect(stops.size).toBeGreaterThan(12); // the sidebar alone has eleven
  });

  it("one opens a request, looks at its parts, and is back at its row", async () => {
    await show(page, gateway, "/requests?range=1h");
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-key") ?? null);
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-key") !== null);
    const first = await focused();
    await page.keyboard.press("j");
    await page.waitForFunction((key) => ![null, key].includes(document.activeElement?.getAttribute("data-key") ?? null), first);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo(page.getByRole("tab", { name: "Timeline" }));
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.activeElement?.textContent === "Streams");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: "Streams", selected: true }).waitFor();
    await page.waitForURL(/tab=streams/);
    const id = new URL(page.url()).searchParams.get("id");
    await page.keyboard.press("Shift+J");
    await page.waitForFunction((before) => ![null, before].includes(new URL(location.href).searchParams.get("id")), id);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "row");
  });

  it("one filters, and clears the filter", async () => {
    await show(page, gateway, "/requests?range=1h");
    const rows = page.locator("main [role=row][data-key]");
    await rows.nth(2).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("status:429");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=status:429/);
    const others = rows.filter({ hasText: "200" });
    await rows.filter({ hasText: "429" }).waitFor();
    await expect.poll(() => others.count()).toBe(0);
    await tabTo(button("Remove filter status:429"), "Shift+Tab");
    await page.keyboard.press("Enter");
    await others.nth(1).waitFor();
  });

  it("one asks a model in the playground", async () => {
    await show(page, gateway, "/playground?model=echo");
    const text = page.getByLabel(/^Text of message 1/);
    await tabTo(text);
    await page.keyboard.press("Control+a");
    await page.keyboard.type("/wps 0 by keys alone");
    await tabTo(button(/^Send/));
    await page.keyboard.press("Enter");
    await page.getByText("by keys alone", { exact: true }).waitFor();
    await tabTo(page.getByRole("link", { name: "Open the request" }));
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/dashboard\/requests\//);
  });

  it("one makes a key, and deletes it", async () => {
    await show(page, gateway, "/keys");
    await tabTo(page.getByRole("link", { name: "Create key" }));
    await page.keyboard.press("Enter");
    const form = page.getByRole("dialog");
    await tabTo(form.getByLabel(/^Name/));
    await page.keyboard.type("by-keys");
    await tabTo(form.getByRole("button", { name: "Create key" }));
    await page.keyboard.press("Enter");
    const key = await page.getByLabel("The new key").inputValue();
    await tabTo(button("I have saved it"));
    await page.keyboard.press("Enter");
    await form.waitFor({ state: "detached" });
    expect((await ask(gateway.url, { key, text: "/wps 0 Hello" })).status).toBe(200);

    await tabTo(page.getByRole("link", { name: "by-keys" }));
    await page.keyboard.press("Enter");
    await tabTo(button("Delete"));
    await page.keyboard.press("Enter");
    const asked = page.getByRole("dialog", { name: "Delete key by-keys?" });
    await tabTo(asked.getByRole("textbox"));
    await page.keyboard.type("by-keys");
    await tabTo(asked.getByRole("button", { name: "Delete key" }));
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "by-keys" }).waitFor({ state: "detached" });
    expect((await ask(gateway.url, { key })).status).toBe(401);
  });

  it("one writes and saves the configuration", async () => {
    await show(page, gateway, "/config");
    const editor = page.locator(".cm-content");
    await tabTo(editor);
    await page.keyboard.press("Control+End");
    await page.keyboard.type("retry: {max-retries: 1}");
    await page.keyboard.press("Escape");
    await page.getByText("can be used").waitFor();
    await tabTo(button("Review"), "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText(/max-retries/).first().waitFor();
    await tabTo(button("Apply"));
    await page.keyboard.press("Enter");
    await page.getByText(/Applied: the configuration is written/).waitFor();
    expect(readFileSync(gateway.file, "utf8")).toBe(`${CONFIG}retry: {max-retries: 1}`);
  });

  it("one signs out", async () => {
    await show(page, gateway, "/");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Command palette" }).waitFor();
    await page.keyboard.type("sign out");
    await page.keyboard.press("Enter");
    await heading("Sign in");
  });
});
