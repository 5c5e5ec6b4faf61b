import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

const CONFIG = `
host: 127.0.0.1
dashboard: {enabled: true}
echo: "on"
api-keys: [{name: app, key: sk-app-of-the-tests}]
retry: {max-retries: 0}
openai-api-key:
  - name: dead
    api-key: sk-upstream-canary
    base-url: http://127.0.0.1:9
    models: [{id: gone}, {id: nothing, alias: lost}]
model-rewrites: [{from: "old-*", to: echo}]
`;

async function send(gateway: Gateway, model: string, stream = false): Promise<Response> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-app-of-the-tests", "content-type": "application/json" },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "/wps 0 Hello there, you" }] }),
  });
  await response.text();
  return response;
}

describe.skipIf(noBrowser)("a gateway without configuration", () => {
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

  it("leads to the first request, by keyboard alone, and shows it in place", async () => {
    const { page, errors } = browser;
    await page.goto(gateway.link());
    const button = page.getByRole("button", { name: "Send a test request" });
    await button.waitFor();
    expect(await accessibility(page)).toEqual([]);
    expect(await page.getByRole("region", { name: "Command to try it" }).textContent()).toContain(`curl ${gateway.url}/v1/chat/completions`);

    for (let tabs = 0; tabs < 40 && !(await button.evaluate((element) => element === document.activeElement)); tabs += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText(/It works: status 200/).waitFor();
    expect(await page.getByLabel("Answer").textContent()).toContain("went through the gateway and came back");

    // The same page has it in its numbers, without being loaded again.
    await page.getByText("1 in all", { exact: false }).waitFor();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("link", { name: "Open this request" }).click();
    await page.waitForURL(/\/dashboard\/requests\/[0-9a-f-]+/);
    expect(errors).toEqual([]);
  });
});

describe.skipIf(noBrowser)("a gateway with traffic", () => {
  let gateway: Gateway;
  let browser: Browser;
  let signedIn = false;

  beforeAll(async () => {
    gateway = await startGateway({ config: CONFIG });
    for (const model of ["echo", "echo", "echo-reasoning", "gone", "no-such-model"]) await send(gateway, model, model === "echo-reasoning");
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
  });
  beforeEach(async () => {
    if (!signedIn) {
      await browser.page.goto(gateway.link());
      await browser.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
      signedIn = true;
    }
    browser.errors.length = 0;
  });
  afterEach(() => expect(browser.errors).toEqual([]));

  it("says whose fault it is within one look, and counts live", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/?range=5m`);
    const verdict = page.getByRole("region", { name: "Health" });
    await verdict.getByText(/dead/).waitFor();
    expect(await verdict.getByRole("link", { name: "Providers" }).getAttribute("href")).toContain("/dashboard/providers");
    await page.getByText("5 in all", { exact: false }).waitFor();
    await send(gateway, "echo");
    await page.getByText("6 in all", { exact: false }).waitFor();
    expect(await page.getByRole("region", { name: "Last errors" }).getByRole("link").count()).toBe(2);
    await page.getByRole("region", { name: "Providers" }).getByRole("link", { name: "dead" }).click();
    await page.getByRole("dialog").getByText("dead").first().waitFor();
    await page.goBack();
    await verdict.waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await accessibility(page)).toEqual([]);
    }
  });

  it("has charts that are dragged over, with a cursor for both", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/?range=5m`);
    const plot = page.getByRole("region", { name: "Requests and errors" }).locator(".u-over");
    await plot.waitFor();
    const box = await plot.boundingBox();
    if (box === null) throw new Error("the chart has no size");
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
    const other = page.getByRole("region", { name: "Latency" }).locator(".u-cursor-x");
    expect(await other.evaluate((element) => element.style.transform)).toMatch(/translate\((?!-10px)/);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 60, { steps: 5 });
    await page.mouse.up();
    const link = page.getByRole("link", { name: "Show these requests" });
    await link.waitFor();
    const range = /range=(\d+)-(\d+)/.exec((await link.getAttribute("href")) ?? "");
    expect((Number(range?.[2]) - Number(range?.[1])) / 1000).toBeGreaterThan(60);
    expect((Number(range?.[2]) - Number(range?.[1])) / 1000).toBeLessThan(120);
    await page.getByRole("button", { name: "Narrow the range" }).click();
    await page.waitForURL(/range=\d+-\d+/);
  });

  it("shows its metrics by what is chosen, and as tables", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/metrics?range=15m`);
    await page.getByRole("img", { name: /^Requests per second by Model asked for/ }).waitFor();
    await page.getByLabel("By", { exact: true }).selectOption("status");
    const names = page.getByRole("region", { name: "In numbers" }).getByRole("rowheader");
    await names.getByText("5xx").waitFor();
    expect((await names.allTextContents()).toSorted()).toEqual(["2xx", "4xx", "5xx"]);
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("button", { name: "Only 5xx" }).click();
    await page.waitForURL(/q=status:5xx/);
    await page.getByRole("region", { name: "Requests", exact: true }).getByRole("button", { name: "View as table" }).click();
    expect(await accessibility(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await accessibility(page)).toEqual([]);
  });

  it("explains of a model what dispatch then does", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/models`);
    await page.getByLabel("Model name").fill("old-thing");
    await page.getByText("A rewrite puts “echo” in place of “old-thing”.").waitFor();
    const chosen = page.getByRole("listitem").filter({ hasText: "chosen" });
    const told = await chosen.textContent();
    const response = await send(gateway, "old-thing");
    expect(told).toContain(response.headers.get("x-aigw-provider"));
    expect(response.headers.get("x-aigw-model")).toBe("echo");
    expect(await accessibility(page)).toEqual([]);

    await page.getByLabel("Client key").selectOption({ label: "app" });
    await page.waitForURL(/as=/);
    await page.getByLabel("Model name").fill("no-such-model");
    await page.getByText(/^Refused:/).waitFor();
  });

  it("opens a model by keyboard, and gives the focus back", async () => {
    const { page } = browser;
    await page.goto(`${gateway.url}/dashboard/models`);
    await page.getByRole("row", { name: /lost/ }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("lost");
    await page.getByText("1 of ", { exact: false }).waitFor();
    await page.getByRole("row", { name: /lost/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Model lost" }).waitFor();
    expect(await accessibility(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("row");
  });
});
