/** What opens in the pages: drawers, forms, questions and answers, each by the way a person gets there. */
import type { Page } from "playwright-core";

import { settled } from "../pages";

export type Opened = { name: string; path: string; open?: (page: Page) => Promise<void> };

/** The first row that leads somewhere, opened. */
export async function openFirst(page: Page): Promise<void> {
  await page.locator("main [role=row][data-key]").first().click();
  await page.locator("dialog[open]").waitFor();
  await settled(page);
}

const button = (page: Page, name: string | RegExp) => page.locator("dialog[open]").last().getByRole("button", { name, exact: typeof name === "string" });

async function link(page: Page, name: string): Promise<void> {
  await page.locator("main").getByRole("link", { name, exact: true }).first().click();
  await page.locator("dialog[open]").waitFor();
  await settled(page);
}

/** Writes at the end of a line of the editor. */
async function write(page: Page, line: RegExp, keys: string, erase = 0): Promise<void> {
  await page.locator(".cm-line", { hasText: line }).first().click();
  await page.keyboard.press("End");
  for (let at = 0; at < erase; at += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type(keys);
  await page.keyboard.press("Escape");
}

/** What the page keeps of what was written, thrown away. */
async function discard(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Discard", exact: true }).click();
  await page.locator("dialog[open]").getByRole("button", { name }).click();
}

export const OPENED: Opened[] = [
  { name: "providers-drawer", path: "/providers", open: (page) => link(page, "other") },
  {
    name: "providers-trial",
    path: "/providers",
    open: async (page) => {
      await link(page, "other");
      await button(page, "Send a test").click();
      await page.getByText("answered").waitFor();
      await button(page, "Fetch models").click();
      await page.getByText(/listed by the upstream/).waitFor();
    },
  },
  {
    name: "providers-trial-failed",
    path: "/providers",
    open: async (page) => {
      await link(page, "gone");
      await button(page, "Send a test").click();
      await page.getByText("failed", { exact: true }).waitFor();
      await button(page, "Fetch models").click();
      await page.getByText(/could not be had/).waitFor();
    },
  },
  {
    name: "providers-edit",
    path: "/providers",
    open: async (page) => {
      await link(page, "other");
      await button(page, "Edit").click();
      for (const part of await page.locator("dialog[open] summary").all()) await part.click();
    },
  },
  {
    name: "providers-edit-review",
    path: "/providers",
    open: async (page) => {
      await link(page, "other");
      await button(page, "Edit").click();
      await page.getByText("Routing, proxy, timeouts").click();
      await page.getByLabel("Weight").fill("3");
      await button(page, "Review the change").click();
      await page.getByRole("region", { name: "Lines of the configuration file" }).waitFor();
    },
  },
  {
    name: "providers-delete",
    path: "/providers",
    open: async (page) => {
      await link(page, "other");
      await button(page, "Delete").click();
      await page.getByText(/removes 1 provider/).waitFor();
    },
  },
  { name: "providers-add", path: "/providers?add=choose" },
  { name: "providers-add-openai", path: "/providers?add=openai" },
  {
    name: "providers-add-custom",
    path: "/providers?add=custom",
    open: async (page) => {
      await button(page, "Review the change").click();
      await page.getByText("a provider needs a key").waitFor();
    },
  },
  { name: "models-ask", path: "/models?ask=gpt-4o" },
  { name: "models-ask-nothing", path: "/models?ask=gpt-9" },
  { name: "models-drawer", path: "/models", open: openFirst },
  { name: "keys-drawer", path: "/keys", open: (page) => link(page, "narrow") },
  {
    name: "keys-delete",
    path: "/keys",
    open: async (page) => {
      await link(page, "tests");
      await button(page, "Delete").click();
      await page.getByText(/removes 1 client key/).waitFor();
    },
  },
  { name: "keys-add", path: "/keys?add=1" },
  { name: "routing-explain", path: "/routing?model=assistant" },
  { name: "routing-refused", path: "/routing?model=gpt-9" },
  {
    name: "routing-compare",
    path: "/routing?model=assistant&compare=1",
    open: async (page) => {
      await page.getByRole("textbox", { name: /Name in its place, of rewrite 1/ }).fill("echo");
      await page.getByText("1 part changed, not saved").waitFor();
      await settled(page);
    },
  },
  {
    name: "routing-review",
    path: "/routing?model=assistant",
    open: async (page) => {
      await page.getByRole("textbox", { name: /Name in its place, of rewrite 1/ }).fill("echo");
      await page.getByRole("button", { name: "Review", exact: true }).click();
      await page.locator("dialog[open]").waitFor();
      await settled(page);
    },
  },
  {
    name: "config-problem",
    path: "/config",
    open: async (page) => {
      await write(page, /^echo: on/, "\nrequest-timeout: eighty");
      await page.getByText("1 error: it cannot be applied").waitFor();
      await page.locator(".cm-lint-marker-error").waitFor();
    },
  },
  {
    name: "config-review",
    path: "/config",
    open: async (page) => {
      await page.locator(".cm-line").first().waitFor();
      if (await page.getByRole("button", { name: "Discard", exact: true }).isEnabled()) await discard(page, "Discard changes");
      await write(page, /^echo: on/, "\nrequest-timeout: 80");
      await page.getByText("can be used").waitFor();
      await page.getByRole("button", { name: "Review", exact: true }).click();
      await page.locator("dialog[open] .cm-changedLine, dialog[open] .cm-insertedLine").first().waitFor();
    },
  },
  { name: "config-effective", path: "/config?tab=effective" },
  { name: "config-schema", path: "/config?tab=schema" },
  {
    name: "logs-record",
    path: "/logs",
    open: async (page) => {
      await page.locator("main [aria-expanded=false]").first().click();
    },
  },
  { name: "logs-nothing", path: "/logs?q=nothing-says-this" },
  { name: "system-record", path: "/system", open: openFirst },
  { name: "system-support", path: "/system?ask=support" },
  { name: "system-reload", path: "/system?ask=reload" },
  // Last: it makes a key.
  {
    name: "keys-made",
    path: "/keys?add=1",
    open: async (page) => {
      const { width } = page.viewportSize() ?? { width: 0 };
      await page.getByLabel(/^Name/).fill(`build-${width}`);
      await button(page, "Create key").click();
      await page.getByLabel("The new key").waitFor();
    },
  },
];
