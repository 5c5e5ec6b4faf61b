import { readFileSync, writeFileSync } from "node:fs";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

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
