import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { useBusy } from "./busy";
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
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: /^Providers/ }).click();
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
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: /^Providers/ }).click();
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

describe.skipIf(noBrowser)("every control of the providers", () => {
  const busy = useBusy();

  type Detail = Record<string, unknown> & { id: string; name: string };
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const field = (name: string | RegExp) => busy.page.getByRole("dialog").getByLabel(name, { exact: true });
  const row = (name: string) => busy.page.getByRole("table", { name: "Credentials" }).getByRole("link", { name, exact: true });
  const disk = () => readFileSync(busy.gateway.file, "utf8");
  async function detail(name: string): Promise<Detail> {
    const { providers } = await busy.api<{ providers: Detail[] }>("/providers");
    return busy.api<Detail>(`/providers/${providers.find((each) => each.name === name)?.id ?? ""}`);
  }
  async function unfold(): Promise<void> {
    const closed = busy.page.locator("dialog[open] details:not([open]) > summary");
    while ((await closed.count()) > 0) await closed.first().click();
  }

  it("begins with a card for each vendor, and goes back to them", async () => {
    const { page } = busy;
    await busy.show("/providers");
    await page.getByRole("link", { name: "Add provider" }).click();
    const { presets } = await busy.api<{ presets: { id: string; name: string; base_url: string | null; keys_url: string | null }[] }>("/providers/presets");
    expect(presets.length).toBeGreaterThan(8);
    for (const preset of presets) {
      await page.getByRole("dialog").getByRole("link", { name: preset.name, exact: true }).click();
      await page.getByRole("dialog", { name: `Add a provider: ${preset.name}` }).waitFor();
      expect(busy.asked("add")).toBe(preset.id);
      if (preset.keys_url !== null) expect(await page.getByRole("link", { name: `Where ${preset.name} gives keys out` }).getAttribute("href")).toBe(preset.keys_url);
      await button("Other providers").click();
      await page.getByRole("dialog", { name: "Add a provider", exact: true }).waitFor();
    }
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(busy.asked("add")).toBe(null);
  });

  it("writes every field of the form into the file", async () => {
    const { page } = busy;
    await busy.show("/providers?add=custom");
    await unfold();
    await field("Kind").selectOption("openai");
    await field("Kind").selectOption("openai-compat");
    await field("Name").fill("complete");
    await field(/^Base URL/).fill("http://127.0.0.1:9");
    await field("The key itself").check();
    await field(/^Key text/).fill("sk-complete-0123456789");
    await button("Show the key").click();
    expect(await field(/^Key text/).getAttribute("type")).toBe("text");
    await button("Hide the key").click();
    expect(await field(/^Key text/).getAttribute("type")).toBe("password");
    for (const [id, alias] of [["m-1", "one"], ["m-2", ""], ["m-3", "three"]] as const) {
      await button("Add a model").click();
      await field("Upstream model").last().fill(id);
      await field("What clients call it").last().fill(alias);
    }
    await button("Remove model m-2").click();
    await field("Excluded models").fill("m-9*");
    for (const [name, value] of [["x-team", "blue"], ["x-other", "red"]] as const) {
      await button("Add a header").click();
      await field("Header").last().fill(name);
      await field("Value").last().fill(value);
    }
    await button("Remove header x-other").click();
    for (const [name, value] of [["Prefix", "team/"], ["Weight", "5"], ["Priority", "-3"], ["Connect timeout", "4"], ["First byte timeout", "40"], ["Idle timeout", "50"]] as const) await field(name).fill(value);
    await field("Proxy").selectOption("own");
    await field("Address of the proxy").fill("http://127.0.0.1:8");
    await field("Key is sent as").selectOption("x-api-key");
    await field("API").selectOption("responses");
    await field("Allow plain HTTP to public hosts").check();
    await button("Review the change").click();
    const copied = await busy.copied(button("Copy the diff"));
    expect(copied).toContain("+  - name: complete");
    await button("Back to the form").click();
    expect(await field("Weight").inputValue()).toBe("5");
    await button("Review the change").click();
    await button("Save").click();
    await page.getByRole("dialog", { name: "complete" }).waitFor();
    expect(await detail("complete")).toMatchObject({
      base_url: "http://127.0.0.1:9",
      models: [{ id: "m-1", alias: "one" }, { id: "m-3", alias: "three" }],
      excluded_models: ["m-9*"],
      prefix: "team/",
      weight: 5,
      priority: -3,
      timeouts: { connect: 4, first_byte: 40, idle: 50 },
      auth_style: "x-api-key",
      allow_insecure: true,
    });
    const text = disk().slice(disk().indexOf("name: complete"));
    for (const part of ["x-team: blue", "127.0.0.1:8", "responses"]) expect(text).toContain(part);
    expect(text).not.toContain("x-other");
  });

  it("takes the key from a variable or a file, keeps the one there is, and asks before it is left", async () => {
    const { page } = busy;
    await busy.show("/providers?add=openai");
    await field("Environment variable").check();
    await field(/^Variable/).fill("SOME_KEY");
    await button("Review the change").click();
    await page.getByRole("dialog").getByText(/SOME_KEY/).first().waitFor();
    if ((await button("Back to the form").count()) > 0) await button("Back to the form").click();
    await field("File").check();
    await field(/^Path of the file/).fill("/nowhere/key");
    await button("Review the change").click();
    await page.getByText(/\/nowhere\/key/).first().waitFor();
    if ((await button("Back to the form").count()) > 0) await button("Back to the form").click();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    const asked = page.getByRole("dialog", { name: /^Discard/ });
    await asked.getByRole("button", { name: "Cancel" }).click();
    expect(await field(/^Path of the file/).inputValue()).toBe("/nowhere/key");
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click();
    await asked.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // The browser itself reports what is refused.
    busy.errors.splice(0);

    await row("other").click();
    await button("Edit").click();
    expect(await page.getByRole("dialog").getByRole("radio", { name: /^Keep / }).isChecked()).toBe(true);
    await button("Cancel").click();
    await button("Edit").waitFor();
    await button("Edit").click();
    await field("Name").fill("another");
    await button("Cancel").click();
    await asked.getByRole("button", { name: "Discard" }).click();
    await button("Edit").waitFor();
    expect(disk()).not.toContain("another");
  });

  it("tests with the model and the way that are chosen, and lists the models of the upstream", async () => {
    const { page } = busy;
    await busy.show("/providers");
    await row("other").click();
    const result = page.getByRole("status", { name: "Result of the test" });
    await button("Send a test").click();
    await result.getByText("answered").waitFor();
    await field("Model").fill("assistant-tools");
    await field("As a stream").uncheck();
    await button("Send a test").click();
    await result.getByText("echo-tools").waitFor();
    await button("Fetch models").click();
    await page.getByText("echo-truncated").waitFor();
    await page.getByRole("searchbox", { name: "Filter models" }).fill("reason");
    await page.getByText("echo-truncated").waitFor({ state: "detached" });
    await page.getByText("echo-reasoning").waitFor();

    await button("Edit").click();
    await unfold();
    await button("Fetch models").click();
    const pick = page.getByRole("dialog").getByRole("checkbox", { name: "echo-slow", exact: true });
    await pick.check();
    expect(await field("Upstream model").last().inputValue()).toBe("echo-slow");
    await pick.uncheck();
    expect(await field("Upstream model").count()).toBe(2);
  });

  it("opens each, goes on, leads to its line of the file, and says why some are fixed", async () => {
    const { page } = busy;
    await busy.show("/providers");
    const names = await page.locator("[data-provider]").allTextContents();
    for (const name of names) {
      await row(name).click();
      await page.getByRole("dialog", { name, exact: true }).waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await row(names[0] ?? "").click();
    await button("Next row (J)").click();
    await page.getByRole("dialog", { name: names[1] ?? "", exact: true }).waitFor();
    await button("Previous row (K)").click();
    await page.getByRole("dialog", { name: names[0] ?? "", exact: true }).waitFor();
    const grip = page.getByRole("separator", { name: "Width of the panel" });
    const before = Number(await grip.getAttribute("aria-valuenow"));
    await grip.focus();
    await page.keyboard.press("ArrowLeft");
    expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before + 40);
    await page.keyboard.press("Escape");
    await row("other").click();
    await page.getByRole("dialog").getByRole("link", { name: /^openai-compatibility\[1\], line \d+$/ }).click();
    await page.locator(".cm-activeLine", { hasText: "name: other" }).waitFor();
    await busy.show("/providers");
    await button(/^fixed: echo-chat/).focus();
    await page.getByRole("tooltip").getByText("Built in: it cannot be changed.", { exact: false }).waitFor();
    await button(/^fixed: echo-chat/).blur();
    for (const name of ["resting", "gone", "other"]) {
      const disabled = (await detail(name)).disabled;
      await page.getByRole("switch", { name: `${name} enabled` }).click();
      await expect.poll(async () => (await detail(name)).disabled).toBe(disabled !== true);
      await page.getByRole("switch", { name: `${name} enabled` }).click();
      await expect.poll(async () => (await detail(name)).disabled).toBe(disabled);
    }
  });

  it("shows the lines that go with one, to be copied, and leaves it alone when told to", async () => {
    const { page } = busy;
    await busy.show("/providers");
    await row("gone").click();
    await button("Delete").click();
    const asked = page.getByRole("dialog", { name: "Delete gone?" });
    expect(await busy.copied(asked.getByRole("button", { name: "Copy the diff" }))).toContain("name: gone");
    await asked.getByRole("button", { name: "Cancel" }).click();
    await asked.waitFor({ state: "detached" });
    expect(disk()).toContain("name: gone");
  });
});
