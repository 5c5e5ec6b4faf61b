import { readFileSync, writeFileSync } from "node:fs";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { useBusy } from "./busy";
import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { freePort, type Gateway, startGateway } from "./gateway";

/** Two echo gateways stand for two providers: nothing is made up on the way. */
async function config(): Promise<string> {
  const port = await freePort();
  return `host: 127.0.0.1
dashboard: {enabled: true}
echo: on
api-keys: [{name: app, key: sk-proxy-routing-test}]
openai-compatibility:
  - {name: nowhere, api-key: k, base-url: "http://127.0.0.1:${port}", models: [{id: far}]}
model-rewrites:
  - {from: "small*", to: far}       # the first
  - {from: "big*", to: echo}        # the second
retry: {max-retries: 0}
`;
}

describe.skipIf(noBrowser)("routing", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeEach(async () => {
    gateway = await startGateway({ config: await config() });
    browser = await openBrowser();
    await browser.page.goto(gateway.link());
    await browser.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await browser.page.goto(`${gateway.url}/dashboard/routing`);
    await browser.page.getByRole("list", { name: "Model rewrites" }).waitFor();
  });
  afterEach(async () => {
    await browser.close();
    await gateway.remove();
  });

  /** Who answers a real request. */
  async function dispatched(model: string): Promise<string | null> {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer sk-proxy-routing-test", "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
    });
    await answer.text();
    return answer.headers.get("x-aigw-provider");
  }

  it("explains what dispatch then does", async () => {
    const { page, errors } = browser;
    for (const model of ["echo", "big-one"]) {
      await page.getByRole("combobox", { name: "Model" }).fill(model);
      const chosen = page.getByRole("region", { name: "Route" }).getByRole("listitem").filter({ hasText: "chosen" });
      await page.getByRole("region", { name: "Route" }).locator("code", { hasText: model }).first().waitFor();
      const [name] = ((await chosen.locator("code").first().textContent()) ?? "").split(" ");
      expect(await dispatched(model)).toBe(name);
    }
    await page.getByText("rewritten").waitFor();
    await page.getByRole("region", { name: "Route" }).getByRole("link", { name: /line 9/ }).click();
    await page.locator(".cm-activeLine", { hasText: "the second" }).waitFor();
    expect(errors).toEqual([]);
  });

  it("compares with edited rules, saves them with comments, and undoes it", async () => {
    const { page, errors } = browser;
    await page.getByRole("combobox", { name: "Model" }).fill("small-one");
    await page.getByRole("region", { name: "Route" }).getByText("chosen").waitFor();
    const to = page.getByRole("textbox", { name: /Name in its place, of rewrite 1/ });
    await to.fill("echo");
    await page.getByText("1 part changed, not saved").waitFor();
    await page.getByRole("checkbox", { name: /Compare with edited rules/ }).check();
    const edited = page.getByRole("region", { name: "Edited rules" });
    await edited.getByText("goes another way").waitFor();
    expect(await accessibility(page)).toEqual([]);
    const [name] = ((await edited.getByRole("listitem").filter({ hasText: "chosen" }).locator("code").first().textContent()) ?? "").split(" ");

    await page.getByRole("button", { name: "Review", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/^\+.*from: "?small\*"?, to: echo/).waitFor();
    expect(await accessibility(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("new requests go by the new rules").waitFor();
    expect(await dispatched("small-one")).toBe(name);
    expect(readFileSync(gateway.file, "utf8")).toContain("# the second");
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText(/Undone/).waitFor();
    expect(await to.inputValue()).toBe("far");
    expect(errors).toEqual([]);
  });

  it("moves rules by keys, marks one that can never match, and will not save it", async () => {
    const { page } = browser;
    const first = page.getByRole("textbox", { name: "Requested name of rewrite 1" });
    await first.focus();
    await page.keyboard.press("Alt+ArrowDown");
    expect(await first.inputValue()).toBe("big*");
    await page.getByText("small* is now at place 2 of 2").waitFor();
    await first.fill("s*");
    await page.getByRole("textbox", { name: "Requested name of rewrite 2" }).fill("small");
    await page.getByText(/is never reached: the earlier "s\*" matches it/).first().waitFor();
    expect(await page.getByRole("button", { name: "Review", exact: true }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    expect(await first.inputValue()).toBe("small*");
  });

  it("keeps what is edited when the file is changed meanwhile", async () => {
    const { page } = browser;
    await page.getByRole("combobox", { name: "Strategy" }).selectOption("weighted");
    await page.getByText("1 part changed, not saved").waitFor();
    writeFileSync(gateway.file, readFileSync(gateway.file, "utf8").replace("max-retries: 0", "max-retries: 4"));
    await page.getByText(/What you have edited stays/).waitFor();
    expect(await page.getByRole("spinbutton", { name: "Retries", exact: true }).inputValue()).toBe("4");
    expect(await page.getByRole("combobox", { name: "Strategy" }).inputValue()).toBe("weighted");
    await page.getByRole("button", { name: "Review", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("new requests go by the new rules").waitFor();
    expect(readFileSync(gateway.file, "utf8")).toMatch(/strategy: weighted/);
  });

  it("shows both where the same rule was changed in the file, and keeps what others wrote", async () => {
    const { page, errors } = browser;
    await page.getByRole("textbox", { name: /Name in its place, of rewrite 1/ }).fill("echo-slow");
    await page.getByRole("combobox", { name: "Strategy" }).selectOption("weighted");
    await page.getByText("2 parts changed, not saved").waitFor();
    const theirs = readFileSync(gateway.file, "utf8").replace("to: far}       # the first", "to: echo-tools} # theirs").replace("retry: {", "routing: {strategy: fill-first} # also theirs\nretry: {");
    writeFileSync(gateway.file, theirs);
    await page.getByText(/^The same rules have been changed elsewhere/).waitFor();
    const both = page.getByRole("row", { name: /^Model rewrites/ });
    expect(await both.getByRole("cell").allTextContents()).toEqual(["far", "echo-tools", "echo-slow"].map((name) => `small* → ${name}\nbig* → echo`));
    expect(await page.getByRole("button", { name: "Review", exact: true }).count()).toBe(0);
    expect(await accessibility(page)).toEqual([]);
    await both.getByRole("radio", { name: /echo-tools/ }).check();
    await page.getByRole("button", { name: "Go on with these" }).click();
    await page.getByText("1 part changed, not saved").waitFor();
    await page.getByRole("button", { name: "Review", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("new requests go by the new rules").waitFor();
    expect(readFileSync(gateway.file, "utf8")).toBe(theirs.replace("strategy: fill-first", "strategy: weighted"));
    expect(errors).toEqual([]);
  });
});

describe.skipIf(noBrowser)("every control of the routing", () => {
  const busy = useBusy();

  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const box = (name: string | RegExp) => busy.page.getByRole("textbox", { name, exact: true });
  const list = (name: string) => busy.page.getByRole("list", { name, exact: true });
  type Rules = { strategy: string; force_model_prefix: boolean; retry: Record<string, number | null>; provider_pins: unknown[]; fallbacks: unknown[]; model_rewrites: unknown[] };
  const rules = () => busy.api<Rules>("/routing");

  async function save(): Promise<void> {
    const { page } = busy;
    await button("Review").click();
    await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("new requests go by the new rules").last().waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await button("Dismiss").last().click();
  }

  it("saves rules of all kinds as they were edited", async () => {
    const { page } = busy;
    await busy.show("/routing");
    await button("Add a rewrite").click();
    await box("Requested name of rewrite 2").fill("small*");
    await box("Name in its place, of rewrite 2").fill("echo");
    await button("Add a pin").click();
    await box("Requested name of pin 1").fill("assistant*");
    await box("Providers of pin 1").fill("other, gone");
    await button("Add a fallback").click();
    await box("Model of fallback 2").fill("assistant");
    await box("Models to try instead, of fallback 2").fill("echo, echo-tools");
    await page.getByRole("combobox", { name: "Strategy" }).selectOption("fill-first");
    await page.getByRole("checkbox", { name: /^Providers with a prefix/ }).check();
    const retry = { Retries: ["3", "max_retries"], "Retries of streams": ["1", "bootstrap_retries"], "Longest pause": ["21", "max_backoff_secs"], "Rest after 429": ["61", "cooldown_429_secs"], "Rest after 5xx": ["16", "cooldown_5xx_secs"], "Rest after no connection": ["11", "cooldown_network_secs"] } as const;
    for (const [name, [value]] of Object.entries(retry)) await page.getByRole("spinbutton", { name, exact: true }).fill(value);
    await button("Review").click();
    const dialog = page.getByRole("dialog");
    expect(await busy.copied(dialog.getByRole("button", { name: "Copy the diff" }))).toMatch(/^\+.*small\*/m);
    await dialog.getByRole("button", { name: "Back to the rules" }).click();
    await dialog.waitFor({ state: "detached" });
    await button("Review").click();
    await dialog.getByRole("button", { name: "Close" }).click();
    await save();
    const now = await rules();
    expect(now.strategy).toBe("fill-first");
    expect(now.force_model_prefix).toBe(true);
    for (const [value, field] of Object.values(retry)) expect(now.retry[field], field).toBe(Number(value));
    expect(JSON.stringify(now.model_rewrites)).toContain("small*");
    expect(JSON.stringify(now.provider_pins)).toMatch(/assistant\*.*other.*gone/);
    expect(JSON.stringify(now.fallbacks)).toMatch(/"assistant".*"echo".*"echo-tools"/);
  });

  it("moves rules by buttons and by dragging, and takes them away", async () => {
    await busy.show("/routing");
    const names = () => list("Model rewrites").getByRole("textbox", { name: /^Requested name/ }).evaluateAll((all) => all.map((each) => (each as HTMLInputElement).value));
    const first = await names();
    expect(first.length).toBe(2);
    expect(await button(`Move ${first[0]} up`).isDisabled()).toBe(true);
    await button(`Move ${first[0]} down`).click();
    expect(await names()).toEqual([...first].reverse());
    await button(`Move ${first[0]} up`).click();
    expect(await names()).toEqual(first);
    const grips = list("Model rewrites").locator("[draggable]");
    await grips.nth(0).dragTo(grips.nth(1));
    expect(await names()).toEqual([...first].reverse());
    await button(`Remove ${first[0]}`).click();
    expect(await names()).toEqual([first[1]]);
    await button("Discard").click();
    expect(await names()).toEqual(first);
    await button("Remove small*").click();
    await button("Remove assistant*").click();
    await button("Move sonnet down").click();
    await button("Move sonnet up").click();
    await button("Remove assistant").click();
    await save();
    const now = await rules();
    expect([now.model_rewrites.length, now.provider_pins.length, now.fallbacks.length]).toEqual([1, 0, 1]);
  });

  it("edits payload rules of each kind as JSON", async () => {
    const { page } = busy;
    await busy.show("/routing");
    const dialog = page.getByRole("dialog");
    const kinds = [["default", "echo-slow", '{"top_p": 0.5}'], ["default-raw", "echo-cut", '{"seed": "7"}'], ["override", "echo-tools", '{"user": "u"}'], ["override-raw", "echo-reasoning", '{"metadata": "{}"}'], ["filter", "echo-malformed", '["logprobs"]']] as const;
    for (const [at, [kind, model, params]] of kinds.entries()) {
      await button("Add a rule").nth(at).click();
      await page.getByRole("dialog", { name: `Payload rule (${kind})` }).waitFor();
      await dialog.getByLabel("For which requests").fill(`[{"name": "${model}"}]`);
      await dialog.getByLabel("What to change").fill("nothing");
      await button("Add to the list").click();
      await dialog.getByText(/^It must be a JSON/).waitFor();
      await dialog.getByLabel("What to change").fill(params);
      await button("Add to the list").click();
      await dialog.waitFor({ state: "detached" });
    }
    await button(/^echo\* \(chat\) /).click();
    await dialog.getByLabel("What to change").fill('{"temperature": 0.9}');
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await button(/^echo\* \(chat\) /).click();
    expect(await dialog.getByLabel("What to change").inputValue()).toContain("0.5");
    await dialog.getByRole("button", { name: "Close" }).click();
    await button("Move echo* (chat) down").click();
    await button(/^echo\* \(chat\) /).click();
    await dialog.getByLabel("What to change").fill('{"temperature": 0.9}');
    await button("Add to the list").click();
    await button("Move echo* (chat) up").click();
    await button("Remove echo-tools").click();
    await save();
    const written = readFileSync(busy.gateway.file, "utf8");
    for (const part of ["temperature: 0.9", "echo-slow", "top_p: 0.5", "echo-cut", "seed", "echo-reasoning", "metadata", "echo-malformed", "logprobs"]) expect(written).toContain(part);
    for (const part of ["temperature: 0.5", "echo-tools, protocol", "user: u"]) expect(written).not.toContain(part);
  });

  it("explains by all that one may say of a request, and leads to the lines", async () => {
    const { page } = busy;
    await busy.show("/routing");
    for (const name of ["assistant", "assistant-tools", "gpt-4o", "sonnet"]) {
      await button(name).click();
      expect(busy.asked("model")).toBe(name);
      await page.getByText("Attempt plan").waitFor();
      await page.getByRole("combobox", { name: "Model" }).fill("");
    }
    await page.getByRole("combobox", { name: "Model" }).fill("echo");
    await page.getByRole("combobox", { name: "Client speaks" }).selectOption("gemini");
    await expect.poll(() => busy.asked("format")).toBe("gemini");
    await page.getByRole("region", { name: "Route" }).getByText("echo-gemini").first().waitFor();
    await page.getByRole("combobox", { name: "Client speaks" }).selectOption("chat");
    await page.getByRole("checkbox", { name: "Stream", exact: true }).check();
    expect(busy.asked("stream")).toBe("1");
    await page.getByRole("combobox", { name: "Model" }).fill("gpt-4o");
    await page.getByRole("combobox", { name: "Client key" }).selectOption({ label: "narrow" });
    await page.getByText(/key may not use it|narrow.*may not|not allowed/i).first().waitFor();
    await page.getByRole("combobox", { name: "Client key" }).selectOption("");
    await page.getByRole("combobox", { name: "Model" }).fill("echo");
    await page.locator("summary", { hasText: "Headers and body" }).click();
    await box("Headers").fill("x-session-id: 7");
    await box("Body").fill("{");
    await page.getByText("This is not a JSON object yet.").waitFor();
    await box("Body").fill('{"model": "echo", "messages": [{"role": "user", "content": "x"}]}');
    await page.getByRole("region", { name: "Route" }).getByText(/temperature/).first().waitFor();

    await page.getByRole("combobox", { name: "Model" }).fill("sonnet");
    await page.getByRole("region", { name: "Route" }).getByRole("link", { name: /^line \d+ of the configuration, fallbacks\[0\]/ }).first().click();
    await page.locator(".cm-activeLine", { hasText: "sonnet" }).waitFor();
    for (const [place, line] of [["model-rewrites", "gpt-4o"], ["fallbacks", "sonnet"]] as const) {
      await busy.show("/routing");
      await page.getByRole("link", { name: `config of the configuration, ${place}` }).click();
      await page.locator(".cm-activeLine", { hasText: new RegExp(`${place}|${line}`) }).waitFor();
    }
  });
});
