import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { useBusy } from "./busy";
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

describe.skipIf(noBrowser)("every control of the keys", () => {
  const busy = useBusy();

  type Keys = { auth_keys: { name: string; expires_at: number | null; requests_per_minute: number | null; tokens_per_minute: number | null; max_concurrent: number | null; allowed_models: string[]; allowed_providers: string[] }[] };
  const key = async (name: string) => (await busy.api<Keys>("/auth-keys")).auth_keys.find((each) => each.name === name);
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const row = (name: string) => busy.page.getByRole("table", { name: "Keys" }).getByRole("link", { name, exact: true });

  it("makes a key with all that it may be told, copies it, and writes settings for each client", async () => {
    const { page, gateway } = busy;
    await busy.show("/keys");
    await page.getByRole("link", { name: "Create key" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Create key" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Create key" }).click();
    await page.getByLabel(/^Name/).fill("complete");
    const expires = page.getByLabel("Expires");
    for (const days of [7, 30, 90, 365]) {
      await button(`in ${days} days`).click();
      const left = (new Date(await expires.inputValue()).getTime() - Date.now()) / 86_400_000;
      expect(Math.abs(left - days)).toBeLessThan(0.1);
    }
    await button("never").click();
    expect(await expires.inputValue()).toBe("");
    await expires.fill("2031-05-01T10:00");
    await page.getByRole("textbox", { name: "Requests a minute" }).fill("11");
    await page.getByRole("textbox", { name: "Tokens a minute" }).fill("12000");
    await page.getByRole("textbox", { name: "Requests at once" }).fill("3");
    await page.getByLabel("Models it may ask for").fill("echo*\nassistant");
    await page.getByLabel("Providers it may use").fill("other");
    await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
    const made = await page.getByLabel("The new key").inputValue();
    expect(await busy.copied(page.getByRole("dialog").getByRole("button", { name: /^Copy/ }).first())).toBe(made);
    for (const tab of await page.getByRole("dialog").getByRole("tab").all()) {
      await tab.click();
      const text = await busy.copied(page.getByRole("dialog").getByRole("tabpanel").getByRole("button", { name: "Copy" }));
      expect(text).toContain(made);
      expect(text).toContain(gateway.url);
    }
    await button("I have saved it").click();
    expect(await key("complete")).toMatchObject({ expires_at: new Date("2031-05-01T10:00").getTime(), requests_per_minute: 11, tokens_per_minute: 12_000, max_concurrent: 3, allowed_models: ["echo*", "assistant"], allowed_providers: ["other"] });
  });

  it("opens a key, goes on, and asks before what is filled in is lost", async () => {
    const { page } = busy;
    await busy.show("/keys");
    await row("tests").click();
    const drawer = page.getByRole("dialog").first();
    await page.getByRole("dialog", { name: "tests" }).waitFor();
    await drawer.getByRole("button", { name: "Next row (J)" }).click();
    await page.getByRole("dialog", { name: "narrow" }).waitFor();
    await drawer.getByRole("button", { name: "Previous row (K)" }).click();
    await page.getByRole("dialog", { name: "tests" }).waitFor();
    const grip = drawer.getByRole("separator", { name: "Width of the panel" });
    const before = Number(await grip.getAttribute("aria-valuenow"));
    await grip.focus();
    await page.keyboard.press("ArrowLeft");
    expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before + 40);

    await page.getByRole("textbox", { name: "Tokens a minute" }).fill("5");
    await button("Reset").click();
    expect(await page.getByRole("textbox", { name: "Tokens a minute" }).inputValue()).toBe("");
    expect(await button("Save").isDisabled()).toBe(true);
    await page.getByRole("textbox", { name: "Tokens a minute" }).fill("5");
    await drawer.getByRole("button", { name: "Close" }).first().click();
    const asked = page.getByRole("dialog", { name: /^Discard/ });
    await asked.getByRole("button", { name: "Cancel" }).click();
    await asked.waitFor({ state: "detached" });
    expect(await page.getByRole("textbox", { name: "Tokens a minute" }).inputValue()).toBe("5");
    await page.keyboard.press("Escape");
    await asked.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect((await key("tests"))?.tokens_per_minute).toBe(null);
  });

  it("changes name, expiry, limits and providers of a key", async () => {
    const { page } = busy;
    await busy.show("/keys");
    await row("complete").click();
    await page.getByLabel(/^Name/).fill("renamed");
    await button("never").click();
    await page.getByRole("textbox", { name: "Requests a minute" }).fill("");
    await page.getByRole("textbox", { name: "Tokens a minute" }).fill("77");
    await page.getByRole("textbox", { name: "Requests at once" }).fill("4");
    await page.getByLabel("Providers it may use").fill("other\ngone");
    await button("Save").click();
    await page.getByText("the key is changed").waitFor();
    expect(await key("renamed")).toMatchObject({ expires_at: null, requests_per_minute: null, tokens_per_minute: 77, max_concurrent: 4, allowed_providers: ["other", "gone"] });
    await button("in 30 days").click();
    await button("Save").click();
    await expect.poll(async () => (await key("renamed"))?.expires_at).not.toBe(null);
  });

  it("shows the lines that go with a key, to be copied, and leaves it alone when told to", async () => {
    const { page } = busy;
    await busy.show("/keys");
    await row("narrow").click();
    await button("Delete").click();
    const asked = page.getByRole("dialog", { name: "Delete key narrow?" });
    expect(await busy.copied(asked.getByRole("button", { name: "Copy the diff" }))).toContain("-  - name: narrow");
    expect(await asked.getByRole("button", { name: "Delete key" }).isDisabled()).toBe(true);
    await asked.getByRole("button", { name: "Cancel" }).click();
    await asked.waitFor({ state: "detached" });
    expect(await key("narrow")).toBeDefined();
  });
});
