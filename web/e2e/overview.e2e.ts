import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { useBusy } from "./busy";
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

describe.skipIf(noBrowser)("every control of the overview", () => {
  const busy = useBusy();

  const heading = (name: string) => busy.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  const region = (name: string) => busy.page.getByRole("region", { name, exact: true });
  const listed = () => busy.page.locator("main [role=row][data-key]").count();

  it("leads from numbers to requests and providers", async () => {
    const { page } = busy;
    await busy.show("/?range=1h");
    await page.getByRole("link", { name: "Requests in this range" }).click();
    await heading("Requests");
    expect(busy.asked("range")).toBe("1h");
    await busy.show("/?range=1h");
    await region("Health").getByRole("link", { name: "Providers" }).click();
    await heading("Providers");
    for (const name of ["resting", "gone", "other"]) {
      await busy.show("/?range=1h");
      await region("Providers").getByRole("link", { name, exact: true }).click();
      await page.getByRole("dialog", { name }).waitFor();
    }
    await busy.show("/?range=1h");
    const errors = region("Last errors").getByRole("link");
    await errors.first().waitFor();
    for (let at = 0; at < (await errors.count()); at += 1) {
      const times = Number(/(\d+)×/.exec((await errors.nth(at).textContent()) ?? "")?.[1]);
      await errors.nth(at).click();
      await heading("Requests");
      expect(busy.asked("q")).toContain("error:");
      await expect.poll(listed).toBe(times + 1);
      await page.goBack();
      await errors.first().waitFor();
    }
  });

  it("has its charts and its flow as tables, whose numbers lead on", async () => {
    const { page } = busy;
    await busy.show("/?range=1h");
    for (const name of ["Requests and errors", "Latency"]) {
      await region(name).getByRole("button", { name: "View as table" }).click();
      await region(name).getByRole("columnheader", { name: "Time" }).waitFor();
      await region(name).getByRole("button", { name: "View as chart" }).click();
      await region(name).locator(".u-over").waitFor();
    }
    const flow = region("Where traffic goes").first();
    await flow.getByRole("button", { name: "View as table" }).click();
    const row = flow.getByRole("row", { name: /messages assistant other/ });
    const times = Number(await row.getByRole("link").textContent());
    await row.getByRole("link").click();
    await heading("Requests");
    await expect.poll(listed).toBe(times + 1);
    await page.goBack();
    await flow.getByRole("button", { name: "View as table" }).click();
    await flow.getByRole("button", { name: "View as picture" }).click();
    await flow.getByRole("img", { name: /by client format, model and provider/ }).waitFor();
  });

  it("tells what happened, and takes a dragged stretch back", async () => {
    const { page } = busy;
    await busy.show("/?range=1h");
    await page.getByRole("button", { name: /^\d+ events?$/ }).click();
    await page.getByText(/requests? took more than one attempt\./).first().waitFor();
    await page.keyboard.press("Escape");
    for (const name of ["Requests and errors", "Latency"]) {
      const box = await region(name).locator(".u-over").boundingBox();
      if (box === null) throw new Error("the chart has no size");
      await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 2, box.y + 30, { steps: 4 });
      await page.mouse.up();
      await page.getByText(/ selected$/).waitFor();
      if (name === "Latency") break;
      await page.getByRole("button", { name: "Clear the selection" }).click();
      await page.getByText("Drag over a chart", { exact: false }).waitFor();
    }
    await page.getByRole("link", { name: "Show these requests" }).click();
    await heading("Requests");
    const [from, to] = (busy.asked("range") ?? "").split("-").map(Number);
    expect(((to ?? 0) - (from ?? 0)) / 60_000).toBeGreaterThan(28);
    expect(((to ?? 0) - (from ?? 0)) / 60_000).toBeLessThan(31);
  });

  it("leads on where the range is empty", async () => {
    const { page } = busy;
    await busy.show("/?range=1700000000000-1700000600000");
    await page.getByRole("button", { name: "Show the last 24 hours" }).click();
    expect(busy.asked("range")).toBe("24h");
    await region("Requests and errors").waitFor();
    await busy.show("/?range=1700000000000-1700000600000");
    await page.getByRole("link", { name: "Go to the requests" }).click();
    await heading("Requests");
    expect(busy.asked("range")).toBe("7d");
  });
});

describe.skipIf(noBrowser)("every control of the first run", () => {
  it("copies what clients need, sends, stops, sends again, and closes", async () => {
    const gateway = await startGateway({ config: CONFIG });
    const { page, context, close } = await openBrowser();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(gateway.link());
    const pasted = () => page.evaluate(() => navigator.clipboard.readText());
    for (const [client, path, call] of [["OpenAI", "/v1", "/v1/chat/completions"], ["Anthropic", "", "/v1/messages"], ["Gemini", "", ":streamGenerateContent"]] as const) {
      await page.getByRole("tab", { name: client }).click();
      expect(new URL(page.url()).searchParams.get("client")).toBe(client === "OpenAI" ? null : client.toLowerCase());
      await page.getByRole("button", { name: "Copy the base URL" }).click();
      await expect.poll(pasted).toBe(`${gateway.url}${path}`);
      await page.getByRole("region", { name: "Command to try it" }).locator("..").getByRole("button", { name: "Copy", exact: true }).click();
      await expect.poll(pasted).toContain(call.replace("streamG", "").replace(":enerateContent", "enerateContent"));
    }
    await page.getByRole("link", { name: "Make a key" }).click();
    await page.getByRole("dialog", { name: /key/i }).waitFor();
    await page.goBack();

    await page.getByRole("button", { name: "Send a test request" }).click();
    await page.getByText(/^It works: status 200/).waitFor();
    await page.getByText("1 in all", { exact: false }).waitFor();
    await page.getByRole("button", { name: "Send another" }).click();
    await page.getByText("2 in all", { exact: false }).waitFor();
    await page.getByText(/^It works: status 200/).waitFor();
    const region = page.getByRole("region", { name: "Send the first request" });
    await region.getByRole("button", { name: "Close" }).click();
    await region.waitFor({ state: "detached" });
    await close();
    await gateway.remove();
  });
});
