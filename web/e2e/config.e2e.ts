import { chmodSync, readFileSync, writeFileSync } from "node:fs";

import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { useBusy } from "./busy";
import { accessibility, type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";

const CONFIG = `# ours, not to be lost
host: 127.0.0.1
dashboard: {enabled: true}
api-keys:
  - name: app            # of the tests
    key: sk-proxy-a-secret-of-the-tests
retry:
  max-retries: 2         # two are enough
`;

const SECRET = "sk-proxy-a-secret-of-the-tests";

describe.skipIf(noBrowser)("the configuration", () => {
  let gateway: Gateway;
  let browser: Browser;

  beforeEach(async () => {
    gateway = await startGateway({ config: CONFIG });
    browser = await openBrowser();
    await browser.page.goto(gateway.link());
    await browser.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await browser.page.goto(`${gateway.url}/dashboard/config`);
    await browser.page.locator(".cm-content").waitFor();
  });
  afterEach(async () => {
    await browser.close();
    await gateway.remove();
  });

  const disk = () => readFileSync(gateway.file, "utf8");
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

  /** Puts the cursor behind a text, and types there. */
  async function type(page: Page, line: number, keys: string, erase = 0): Promise<void> {
    await page.locator(".cm-line").nth(line - 1).click();
    await page.keyboard.press("End");
    for (let at = 0; at < erase; at += 1) await page.keyboard.press("Backspace");
    await page.keyboard.type(keys);
    await page.keyboard.press("Escape");
  }

  it("shows a bad text at its line, and will not apply it", async () => {
    const { page, errors } = browser;
    await page.getByText("no changes").waitFor();
    expect(await page.locator("body").textContent()).not.toContain(SECRET);
    await type(page, 2, "\nrequest-timeout: eighty");
    await page.getByText("1 error: it cannot be applied").waitFor();
    await page.locator(".cm-lint-marker-error").waitFor();
    await page.locator(".cm-line .cm-lintRange-error", { hasText: "eighty" }).waitFor();
    const problem = page.getByRole("list", { name: "Problems of the text" }).getByRole("listitem");
    expect(await problem.textContent()).toContain("request-timeout");
    expect(await button(page, "Review").isDisabled()).toBe(true);
    await page.locator(".cm-line").first().click();
    await problem.getByRole("button", { name: "line 3" }).click();
    expect(await page.locator(".cm-activeLine").textContent()).toContain("eighty");
    expect(await accessibility(page)).toEqual([]);
    expect(disk()).toBe(CONFIG);
    expect(errors).toEqual([]);
  });

  it("applies a good one with its comments and secrets, and undoes it", async () => {
    const { page, errors } = browser;
    await type(page, 8, "3         # three now", "2         # two are enough".length);
    await page.getByText("can be used").waitFor();
    // Outside of the places of secrets they stay what they were, unseen.
    await button(page, "Review").click();
    const review = page.getByRole("dialog");
    await review.getByText("changes retry.max-retries").waitFor();
    await review.locator(".cm-changedLine, .cm-insertedLine").first().waitFor();
    expect(await review.locator(".cm-deletedChunk").textContent()).toContain("two are enough");
    expect(await accessibility(page)).toEqual([]);
    await button(page, "Apply").click();
    await page.getByText(/Applied: the configuration is written/).waitFor();
    expect(disk()).toBe(CONFIG.replace("2         # two are enough", "3         # three now"));
    await page.getByText("no changes").waitFor();

    await button(page, "Undo").click();
    await page.getByText(/Undone/).waitFor();
    expect(disk()).toBe(CONFIG);
    expect(await page.locator(".cm-content").textContent()).toContain("two are enough");
    expect(errors).toEqual([]);
  });

  it("shows what somebody else has done meanwhile, and loses nothing of either", async () => {
    const { page, errors } = browser;
    await type(page, 8, "5", "2         # two are enough".length);
    await page.getByText("can be used").waitFor();
    writeFileSync(gateway.file, CONFIG.replace("# ours, not to be lost", "# theirs").replace("2         # two are enough", "4"));
    await page.getByText(/has changed on disk since you began/).waitFor();
    expect(await page.locator(".cm-content").textContent()).toContain("max-retries: 5");
    await button(page, "Compare").first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 place to decide").waitFor();
    expect(await accessibility(page)).toEqual([]);
    expect(await button(page, "Put both into the editor").isDisabled()).toBe(true);
    await dialog.getByRole("radio", { name: "Yours", exact: true }).check();
    await button(page, "Put both into the editor").click();
    await page.getByText("can be used").waitFor();
    const text = (await page.locator(".cm-content").textContent()) ?? "";
    expect(text).toContain("# theirs");
    expect(text).toContain("max-retries: 5");
    await button(page, "Review").click();
    await button(page, "Apply").click();
    await page.getByText(/Applied: the configuration is written/).waitFor();
    expect(disk()).toBe(CONFIG.replace("# ours, not to be lost", "# theirs").replace("2         # two are enough", "5"));
    expect(errors).toEqual([]);
  });

  it("follows the file while nothing is being written", async () => {
    const { page } = browser;
    writeFileSync(gateway.file, CONFIG.replace("2         # two", "1         # two"));
    await page.locator(".cm-line", { hasText: "max-retries: 1" }).waitFor();
    await page.getByText(/has changed on disk; the editor shows it/).waitFor();
    writeFileSync(gateway.file, CONFIG.replace("2         # two", "many      # two"));
    await page.getByText(/cannot be used as it is on disk/).waitFor();
    await page.getByRole("button", { name: "Show line 8" }).click();
    expect(await page.locator(".cm-activeLine").textContent()).toContain("many");
  });

  it("keeps what is written when another page is looked at, and lets it be discarded", async () => {
    const { page } = browser;
    await type(page, 1, " and more");
    await page.getByRole("link", { name: "Routing" }).click();
    await page.getByRole("heading", { level: 1, name: "Routing" }).waitFor();
    await page.getByRole("link", { name: "Config", exact: true }).click();
    await page.locator(".cm-line", { hasText: "and more" }).waitFor();
    await button(page, "Discard").click();
    await button(page, "Discard changes").click();
    await page.getByText("no changes").waitFor();
    expect(await page.locator(".cm-line").first().textContent()).toBe("# ours, not to be lost");
  });

  it("proposes keys and values, explains them, finds places, and folds", async () => {
    const { page, errors } = browser;
    await page.locator(".cm-line").nth(7).click();
    await page.getByText(/default 2/).waitFor();
    await page.keyboard.press("End");
    await page.keyboard.type("\ncool");
    const options = page.locator(".cm-tooltip-autocomplete li");
    await options.filter({ hasText: "cooldown-429-secs" }).waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.type("5\n");
    await page.keyboard.press("Backspace");
    await page.keyboard.type("routing: {strategy: ");
    await page.keyboard.press("Control+Space");
    await options.filter({ hasText: "sticky-prefix" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".cm-line", { hasText: "max-retries" }).locator("span").first().hover();
    await page.locator(".cm-hint").waitFor();
    await page.getByRole("navigation", { name: "Outline" }).getByRole("button", { name: "app", exact: true }).click();
    expect(await page.locator(".cm-activeLine").textContent()).toContain("name: app");
    await page.getByRole("button", { name: /^Search \(/ }).click();
    await page.locator(".cm-search input[name=search]").pressSequentially("retries");
    await page.locator(".cm-searchMatch").first().waitFor();
    await page.keyboard.press("Escape");
    await button(page, "Fold all").click();
    await page.locator(".cm-foldPlaceholder").first().waitFor();
    await button(page, "Unfold all").click();
    await page.locator(".cm-foldPlaceholder").first().waitFor({ state: "detached" });
    expect(errors).toEqual([]);
  });

  it("gives a patch for a file that it cannot write", async () => {
    const { page } = browser;
    chmodSync(gateway.file, 0o444);
    await page.reload();
    await page.getByText(/cannot be written from here/).waitFor();
    await type(page, 8, "3", "2         # two are enough".length);
    await page.getByText("can be used").waitFor();
    await button(page, "Review").click();
    await button(page, "Copy the patch").waitFor();
    expect(await button(page, "Apply").count()).toBe(0);
  });

  it("shows what is in force with its source, and every key there is", async () => {
    const { page, errors } = browser;
    await page.getByRole("tab", { name: "In force" }).click();
    await page.getByRole("searchbox").fill("retry");
    const row = page.getByRole("row", { name: /retry\.max-retries/ });
    expect(await row.textContent()).toContain("file");
    expect(await page.getByRole("row", { name: /retry\.max-backoff-secs/ }).textContent()).toContain("default");
    expect(await accessibility(page)).toEqual([]);
    await page.getByRole("combobox", { name: "Source" }).selectOption("file");
    await page.getByText(/^1 of \d+ values$/).waitFor();
    await row.getByRole("link", { name: "line 8" }).click();
    await page.locator(".cm-activeLine", { hasText: "max-retries" }).waitFor();
    await page.getByRole("tab", { name: "Reference" }).click();
    await page.getByRole("searchbox").fill("cooldown");
    await page.getByText("retry.cooldown-429-secs", { exact: true }).waitFor();
    expect(await accessibility(page)).toEqual([]);
    expect(errors).toEqual([]);
  });
});

describe.skipIf(noBrowser)("without a configuration file", () => {
  it("says how to make one", async () => {
    const gateway = await startGateway();
    const { page, close, errors } = await openBrowser({ dark: true });
    await page.goto(gateway.link());
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.goto(`${gateway.url}/dashboard/config`);
    await page.getByText("aigw init", { exact: true }).waitFor();
    expect(await accessibility(page)).toEqual([]);
    // The browser itself reports the answer that there is no file.
    expect(errors.filter((error) => !error.includes("409"))).toEqual([]);
    await close();
    await gateway.remove();
  });
});

describe.skipIf(noBrowser)("every control of the configuration", () => {
  const busy = useBusy();

  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const disk = () => readFileSync(busy.gateway.file, "utf8");
  const text = () => busy.page.locator(".cm-content").first().textContent();
  const heads = () => busy.page.locator("main [role=columnheader]").evaluateAll((all) => all.map((each) => each.textContent));
  async function open(): Promise<void> {
    await busy.show("/config");
    await busy.page.locator(".cm-line").first().waitFor();
  }
  /** Writes behind the first line. */
  async function write(words: string): Promise<void> {
    const { page } = busy;
    await page.locator(".cm-line").first().click();
    await page.keyboard.press("End");
    await page.keyboard.type(words);
    await page.getByText("can be used").waitFor();
  }

  it("goes by the outline to every key of the file", async () => {
    const { page } = busy;
    await open();
    const outline = page.getByRole("navigation", { name: "Outline" });
    for (const name of ["host", "echo", "dashboard", "api-keys", "openai-compatibility", "claude-api-key", "model-rewrites", "fallbacks", "payload", "capture", "model-prices"]) {
      await outline.getByRole("button", { name, exact: true }).click();
      await page.locator(".cm-activeLine", { hasText: `${name}:` }).waitFor();
    }
    for (const name of ["tests", "narrow", "gone", "other", "resting"]) {
      await outline.getByRole("button", { name, exact: true }).click();
      await page.locator(".cm-activeLine", { hasText: `name: ${name}` }).waitFor();
    }
    await outline.getByRole("button", { name: "[0]", exact: true }).first().click();
    await page.locator(".cm-activeLine", { hasText: "from: gpt-4o" }).waitFor();
  });

  it("goes back from the review and from the question, with what is written", async () => {
    const { page } = busy;
    await open();
    await write(" More.");
    await button("Review").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("# For tests of the dashboard. More.").waitFor();
    await dialog.getByRole("textbox", { name: "What has changed in the file" }).waitFor();
    await button("Back to the editor").click();
    await button("Review").click();
    await dialog.getByRole("button", { name: "Close" }).click();
    await button("Discard").click();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect(await text()).toContain("More.");
    await button("Discard").click();
    await dialog.getByRole("button", { name: "Close" }).click();
    await button("Discard").click();
    await button("Discard changes").click();
    await page.getByText("no changes").waitFor();
    expect(await text()).not.toContain("More.");
    expect(disk()).not.toContain("More.");
  });

  it("leads from a problem to its line, whatever the key", async () => {
    const { page } = busy;
    await open();
    await page.locator(".cm-line").first().click();
    await page.keyboard.press("End");
    await page.keyboard.type("\nnonsense: 1");
    const problems = page.getByRole("list", { name: "Problems of the text" });
    await problems.waitFor();
    await page.getByRole("navigation", { name: "Outline" }).getByRole("button", { name: "host" }).click();
    await problems.getByRole("button", { name: "line 2" }).click();
    await page.locator(".cm-activeLine", { hasText: "nonsense" }).waitFor();
    await button("Discard").click();
    await button("Discard changes").click();
  });

  it("takes of a conflict theirs, mine or both, and gives mine away", async () => {
    const { page } = busy;
    const before = disk();
    const dialog = page.getByRole("dialog");
    const conflict = async () => {
      await open();
      await write(" Mine.");
      writeFileSync(busy.gateway.file, before.replace("# For tests", "# Theirs, for tests"));
      await button("Compare").first().click();
      await dialog.getByText("1 place to decide").waitFor();
    };
    const restore = async () => {
      writeFileSync(busy.gateway.file, before);
      await page.reload();
      await expect.poll(text).not.toContain("Theirs");
    };
    await conflict();
    expect(await busy.copied(button("Copy my text"))).toContain("# For tests of the dashboard. Mine.");
    await dialog.getByRole("radio", { name: "On disk now" }).check();
    await button("Put both into the editor").click();
    await expect.poll(text).toContain("# Theirs, for tests of the dashboard.");
    expect(await text()).not.toContain("Mine.");
    await restore();

    await conflict();
    await dialog.getByRole("radio", { name: "Both, yours first" }).check();
    await button("Put both into the editor").click();
    await expect.poll(text).toMatch(/Mine\.# Theirs/);
    await restore();

    await conflict();
    await button("Take the file's, drop mine").click();
    await dialog.waitFor({ state: "detached" });
    await expect.poll(text).not.toContain("Mine.");
    expect(await text()).toContain("Theirs");
    await restore();
  });

  it("has columns to hide, move and widen in what is in force, and shows all again", async () => {
    const { page } = busy;
    await busy.show("/config");
    await page.getByRole("tab", { name: "In force" }).click();
    expect(busy.asked("tab")).toBe("effective");
    await page.getByText(/^\d+ of \d+ values$/).waitFor();
    const usual = await heads();
    await button("Columns").click();
    const panel = page.locator("[data-radix-popper-content-wrapper]");
    for (const name of usual) {
      const box = panel.getByRole("checkbox", { name, exact: true });
      await box.uncheck();
      await expect.poll(heads).not.toContain(name);
      await box.check();
      await expect.poll(heads).toContain(name);
    }
    await panel.getByRole("button", { name: "Move Value left" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["Value", "Key"]);
    await panel.getByRole("button", { name: "Move Value right" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["Key", "Value"]);
    await panel.getByRole("button", { name: "Move Value left" }).click();
    await panel.getByRole("button", { name: "Reset columns" }).click();
    expect(await heads()).toEqual(usual);
    await page.keyboard.press("Escape");
    for (const name of usual) {
      const grip = page.getByRole("separator", { name: `Width of column ${name}` });
      const before = Number(await grip.getAttribute("aria-valuenow"));
      await grip.focus();
      await page.keyboard.press("ArrowLeft");
      expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before - 16);
    }
    await page.getByRole("searchbox").fill("nothing like it");
    await button("Show all").click();
    await page.getByText(/^(\d+) of \1 values$/).waitFor();
    await page.getByRole("tab", { name: "Reference" }).click();
    expect(busy.asked("tab")).toBe("schema");
    await page.getByRole("searchbox").fill("nothing like it");
    await page.getByText("No key matches").waitFor();
    await button("Show all").click();
    await page.getByText(/^\d{2,} keys$/).waitFor();
    await page.getByRole("tab", { name: "File" }).click();
    await page.locator(".cm-line").first().waitFor();
    expect(busy.asked("tab")).toBe(null);
  });

  it("gives the patch away where the file cannot be written", async () => {
    const { page } = busy;
    chmodSync(busy.gateway.file, 0o444);
    await open();
    await write(" More.");
    await button("Review").click();
    const patch = await busy.copied(button("Copy the patch"));
    expect(patch).toContain("+# For tests of the dashboard. More.");
    expect((await busy.saved(button("Download"))).text.trim()).toBe(patch.trim());
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    chmodSync(busy.gateway.file, 0o644);
    expect(disk()).not.toContain("More.");
  });
});
