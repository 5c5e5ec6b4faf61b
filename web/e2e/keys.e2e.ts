import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

const OLD = "sk-the-old-key-of-these-tests-000";

const CONFIG = `\
# Ask Ann before changing this file.
host: 127.0.0.1
dashboard: {enabled: true}
echo: on
api-keys:
  - name: old   # of the shop
    key: ${OLD}
`;

async function ask(gateway: Gateway, key: string): Promise<number> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "/wps 0 hello" }] }),
  });
  await answer.text();
  return answer.status;
}

describe.skipIf(noBrowser)("keys", () => {
  let folder: string;
  let file: string;
  let gateway: Gateway;
  let browser: Browser;
  let page: Page;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "aigw-keys-"));
    file = join(folder, "config.yaml");
    writeFileSync(file, CONFIG);
    gateway = await startGateway({ args: ["--config", file] });
    browser = await openBrowser();
    page = browser.page;
    await page.goto(gateway.link());
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByRole("table", { name: "Keys" }).waitFor();
  });
  afterEach(async () => {
    await browser.close();
    await gateway.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("makes one that is shown once, counts what it uses, and revokes it", async () => {
    await page.getByRole("link", { name: "Create key" }).click();
    await page.getByLabel(/^Name/).fill("build");
    await page.getByRole("textbox", { name: "Requests a minute" }).fill("30");
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("button", { name: "Create key" }).click();
    const key = await page.getByLabel("The new key").inputValue();
    expect(key).toMatch(/^sk-/);
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("tab", { name: "curl" }).click();
    await page.getByText(`${gateway.url}/v1/models`).waitFor();
    await page.keyboard.press("Escape");
    await page.getByText(/cannot be shown again/).waitFor();
    await page.getByRole("button", { name: "I have saved it" }).click();
    expect(await page.content()).not.toContain(key);
    const written = readFileSync(file, "utf8");
    expect(written).not.toContain(key);
    expect(written).toContain("- name: old   # of the shop");

    expect(await ask(gateway, key)).toBe(200);
    await page.getByRole("link", { name: "build" }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    const asked = page.getByRole("dialog", { name: "Delete key build?" });
    await asked.getByText("removes 1 client key: build").waitFor();
    expect(await accessibility(page)).toEqual([]);
    await asked.getByRole("textbox").fill("build");
    await asked.getByRole("button", { name: "Delete key" }).click();
    await page.getByRole("link", { name: "build" }).waitFor({ state: "detached" });
    expect(await ask(gateway, key)).toBe(401);
    expect(await ask(gateway, OLD)).toBe(200);
    expect(readFileSync(file, "utf8")).toContain("# of the shop");
    expect(browser.errors).toEqual([]);
  });

  it("says what still uses a key, and what the last one means", async () => {
    expect(await ask(gateway, OLD)).toBe(200);
    await expect
      .poll(async () => {
        await page.reload();
        await page.getByRole("link", { name: "old" }).click();
        await page.getByRole("button", { name: "Delete" }).click();
        await page.getByText(/It is the last key/).waitFor();
        return page.getByText(/1 request in the last hour, for echo/).count();
      })
      .toBeGreaterThan(0);
    const asked = page.getByRole("dialog", { name: "Delete key old?" });
    await asked.getByRole("textbox").fill("old");
    await asked.getByRole("button", { name: "Delete key" }).click();
    await page.getByText("No keys").waitFor();
    expect(await ask(gateway, OLD)).toBe(401);
  });

  it("changes what a key may do, at once", async () => {
    await page.getByRole("link", { name: "old" }).click();
    await page.getByLabel("Models it may ask for").fill("gpt-*");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("the key is changed").waitFor();
    expect(await ask(gateway, OLD)).toBe(403);
    expect(readFileSync(file, "utf8")).toContain("# of the shop");
    await page.getByLabel("Requests at once").fill("none");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("One field needs another value.").waitFor();
    expect(await page.getByLabel("Requests at once").getAttribute("aria-invalid")).toBe("true");
  });
});
