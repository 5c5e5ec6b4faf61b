import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

const KEY = "sk-the-key-of-these-tests-000000";

const config = (upstream: string) => `\
# Ask Ann before changing this file.
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [${KEY}]   # of the tests

openai-compatibility:
  # The oldest one.
  - name: first          # stays
    api-key: sk-upstream-1234567890
    base-url: ${upstream}
    models:
      - id: echo
        alias: say-it
  - name: limited
    api-key: sk-upstream-1234567890
    base-url: ${upstream}
    models: [{id: echo-error-429, alias: too-much}]
`;

/** Asks a model; gives the status. */
async function ask(gateway: Gateway, model: string, key = KEY): Promise<number> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "/wps 0 hello" }] }),
  });
  await answer.text();
  return answer.status;
}

describe.skipIf(noBrowser)("providers", () => {
  /** What the providers lead to: another gateway, with its echo models. */
  let upstream: Gateway;
  let folder: string;
  let file: string;
  let gateway: Gateway;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    upstream = await startGateway();
  });
  afterAll(() => upstream.remove());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "aigw-providers-"));
    file = join(folder, "config.yaml");
    writeFileSync(file, config(upstream.url));
    gateway = await startGateway({ args: ["--config", file] });
    browser = await openBrowser();
    page = browser.page;
    await page.goto(gateway.link());
    await page.getByRole("link", { name: "Providers" }).click();
    await page.getByRole("table", { name: "Credentials" }).waitFor();
  });
  afterEach(async () => {
    await browser.close();
    await gateway.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("adds one by its preset: models, test, lines of the file, save; the comments stay", async () => {
    const before = readFileSync(file, "utf8");
    await page.getByRole("link", { name: "Add provider" }).click();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("link", { name: "Custom" }).click();
    await page.getByLabel("Name").fill("fresh");
    await page.getByLabel("Base URL").fill(upstream.url);
    await page.getByLabel("Key text").fill("sk-fresh-1234567890");
    await page.getByText("Models", { exact: true }).last().click();
    await page.getByRole("button", { name: "Fetch models" }).click();
    await page.getByRole("checkbox", { name: "echo", exact: true }).check();
    await page.getByLabel("What clients call it").fill("fresh-echo");
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("answered").waitFor();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByText("adds 1 provider: fresh").waitFor();
    expect(await page.getByRole("region", { name: "Lines of the configuration file" }).textContent()).not.toContain("sk-fresh");
    expect(readFileSync(file, "utf8")).toBe(before);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("heading", { level: 2, name: "fresh" }).waitFor();

    const after = readFileSync(file, "utf8");
    expect(after.startsWith(before)).toBe(true); // comments, layout and all
    expect(after.slice(before.length)).toContain("name: fresh");
    expect(await ask(gateway, "fresh-echo")).toBe(200);
    expect(await page.content()).not.toContain("sk-fresh-1234567890");
    expect(browser.errors).toEqual([]);
  });

  it("edits, switches off and on, and deletes", async () => {
    await page.getByRole("link", { name: "first" }).click();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByText("Routing, proxy, timeouts").click();
    await page.getByLabel("Prefix").fill("team/");
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("the provider is changed").waitFor();
    expect(await ask(gateway, "team/say-it")).toBe(200);
    expect(readFileSync(file, "utf8")).toContain("- name: first          # stays");

    const dialog = page.getByRole("dialog", { name: "first" });
    await dialog.getByRole("switch", { name: "Enabled" }).click();
    await dialog.getByText("It gets no requests.").waitFor();
    await expect.poll(() => ask(gateway, "team/say-it")).toBe(404);
    await page.keyboard.press("Escape");
    await page.getByRole("switch", { name: "first enabled" }).click();
    await expect.poll(() => ask(gateway, "team/say-it")).toBe(200);

    await page.getByRole("link", { name: "first" }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("removes 1 provider: first").waitFor();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("button", { name: "Delete provider" }).click();
    await page.getByRole("link", { name: "first" }).waitFor({ state: "detached" });
    expect(readFileSync(file, "utf8")).not.toContain("name: first");
    expect(await ask(gateway, "team/say-it")).toBe(404);
    expect(browser.errors).toEqual([]);
  });

  it("shows a cooldown as it begins, counts it down, and clears it", async () => {
    expect(await ask(gateway, "too-much")).toBe(429);
    const row = page.getByRole("row", { name: /^limited/ });
    await row.getByText(/cooling|unverified/).waitFor();
    await page.getByRole("link", { name: "limited" }).click();
    await page.getByText(/a rate limit: the vendor asks to wait|a rate limit, for/).first().waitFor();
    await page.getByRole("button", { name: "Use it again now" }).click();
    await page.getByText("In use. Nothing is wrong with it.").waitFor();
    await page.getByText("recovered").waitFor();
    expect(await accessibility(page)).toEqual([]);
  });

  it("shows both when the file was changed meanwhile, and keeps what others wrote", async () => {
    await page.getByRole("link", { name: "first" }).click();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByText("Routing, proxy, timeouts").click();
    await page.getByLabel("Weight").fill("9");
    await page.getByLabel("Priority").fill("3");
    writeFileSync(file, readFileSync(file, "utf8").replace("# stays\n", "# stays\n    weight: 5   # by hand\n"));
    await page.getByRole("button", { name: "Review the change" }).click();
    // The gateway may have read the file by itself before.
    const take = page.getByRole("button", { name: "Put the file in force, and compare" });
    await take.or(page.getByText("Somebody has changed this provider meanwhile.")).first().waitFor();
    if (await take.isVisible()) await take.click();
    await page.getByText("Somebody has changed this provider meanwhile.").waitFor();
    const weight = page.getByRole("row", { name: /^Weight/ });
    await weight.getByRole("radio", { name: "5" }).check();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("button", { name: "Go on with these" }).click();
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("the provider is changed").waitFor();
    const after = readFileSync(file, "utf8");
    expect(after).toContain("weight: 5   # by hand");
    expect(after).toContain("priority: 3");
  });

  it("refuses at the field, and what is there already", async () => {
    await page.goto(`${gateway.url}/dashboard/providers?add=custom`);
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByText("a provider needs a key").waitFor();
    expect(await page.getByLabel("Key text").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("Key text").fill("sk-upstream-1234567890");
    await page.getByLabel("Base URL").fill(upstream.url);
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByText(/is the same account/).waitFor();
  });

  it("works by the keyboard alone", async () => {
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Health events" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "Health events" }).waitFor({ state: "detached" });
    expect(await page.evaluate(() => document.activeElement?.hasAttribute("data-provider"))).toBe(true);
  });
});

describe.skipIf(noBrowser)("providers without a configuration file", () => {
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

  it("says what to do, and offers no change", async () => {
    const { page, errors } = browser;
    await page.goto(gateway.link());
    await page.getByRole("link", { name: "Providers" }).click();
    await page.getByText("aigw init").waitFor();
    await page.getByText("No provider yet").waitFor();
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("link", { name: "echo-chat" }).click();
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("answered").waitFor();
    expect(await page.getByRole("button", { name: "Edit" }).isDisabled()).toBe(true);
    expect(errors).toEqual([]);
  });
});
