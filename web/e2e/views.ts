/** Everything that can stand open: pages, and the drawers, dialogs, tabs and menus of each. */
import { readFileSync, writeFileSync } from "node:fs";

import type { Page } from "playwright-core";

import type { Gateway } from "./gateway";
import { settled, show } from "./pages";

export type View = {
  page: string;
  /** What is open in it. */
  name: string;
  /** Its address, below `/dashboard`. */
  path: string;
  /** What is done to have it open. */
  open?: (page: Page, gateway: Gateway) => Promise<unknown>;
  /** Of another part of the document than the page. */
  root?: string;
  /** It changes what the others show. */
  alone?: true;
};

const button = (page: Page, name: string | RegExp, exact = true) => page.getByRole("button", { name, exact });
const press = (name: string | RegExp, at = 0) => (page: Page) => button(page, name).nth(at).click();
const menu = (page: Page) => page.getByRole("menu").waitFor();
const dialog = (page: Page) => page.locator("dialog[open]").last();

/** One after the other. */
const steps =
  (...all: ((page: Page, gateway: Gateway) => Promise<unknown>)[]) =>
  async (page: Page, gateway: Gateway) => {
    for (const step of all) await step(page, gateway);
  };

const firstRow = (page: Page) => page.locator("main [role=row][data-key]").first().click();
const tab = (name: string) => async (page: Page) => {
  await page.getByRole("tab", { name, exact: true }).click();
  await settled(page);
};

/** The newest request of a kind, on a page of its own. */
const request = (q: string, tab: string) => async (page: Page, gateway: Gateway) => {
  await show(page, gateway, `/requests?range=1h&q=${q}`);
  await firstRow(page);
  const id = new URL(page.url()).searchParams.get("id") ?? "";
  await show(page, gateway, `/requests/${id}?tab=${tab}`);
};

const drag = async (page: Page) => {
  const plot = page.locator(".u-over").first();
  await plot.waitFor();
  const box = await plot.boundingBox();
  if (box === null) throw new Error("the chart has no size");
  await page.mouse.move(box.x + box.width * 0.4, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 4 });
  await page.mouse.up();
};

const unfold = async (page: Page) => {
  const closed = page.locator("dialog[open] details:not([open]) > summary");
  while ((await closed.count()) > 0) await closed.first().click();
};

const provider = (name: string) => (page: Page) => page.locator("main").getByRole("link", { name, exact: true }).click();
const play = (text: string) => async (page: Page) => {
  await page.getByLabel("Text of message 1").fill(text);
  await button(page, "Send").click();
  await page.getByRole("link", { name: "Open the request" }).waitFor();
  await page.getByRole("button", { name: "Take away" }).waitFor();
};
const part = (kind: string, message = 0) => async (page: Page) => {
  await button(page, "Add a part").nth(message).click();
  await page.getByRole("menuitem", { name: kind, exact: true }).click();
};
const editConfig = async (page: Page) => {
  await page.locator(".cm-line").first().click();
  await page.keyboard.press("End");
  await page.keyboard.type(" More.");
  await page.getByText("can be used").waitFor();
};

/** For a gateway with traffic (`traffic.ts`). What is done in one view must leave the others as they were. */
export const VIEWS: readonly View[] = [
  { page: "shell", name: "around the page", path: "/requests", root: "a[href='#page'], nav[aria-label=Pages], header" },
  { page: "shell", name: "theme", path: "/", root: "[role=menu]", open: steps(press(/^Theme/), menu) },
  { page: "shell", name: "account", path: "/", root: "[role=menu]", open: steps(press("Account and preferences"), menu) },
  { page: "shell", name: "time range", path: "/requests", root: "[data-radix-popper-content-wrapper]", open: steps(press(/^Time range/), (page) => page.getByLabel("From").waitFor()) },
  { page: "shell", name: "palette", path: "/", open: steps((page) => page.keyboard.press("Control+k"), (page) => page.getByRole("option", { name: "assistant-tools" }).waitFor()) },
  { page: "shell", name: "shortcuts", path: "/", open: steps((page) => page.keyboard.press("?"), (page) => page.getByRole("dialog").waitFor()) },
  { page: "shell", name: "not found", path: "/nowhere" },

  { page: "overview", name: "page", path: "/?range=1h" },
  { page: "overview", name: "as tables", path: "/?range=1h", open: async (page) => {
    while ((await button(page, "View as table").count()) > 0) await button(page, "View as table").first().click();
  } },
  { page: "overview", name: "events", path: "/?range=1h", open: press(/events?$/) },
  { page: "overview", name: "selection", path: "/?range=1h", open: drag },
  { page: "overview", name: "quiet", path: "/?range=1700000000000-1700000600000" },

  { page: "metrics", name: "page", path: "/metrics?range=1h" },
  { page: "metrics", name: "as tables", path: "/metrics?range=1h", open: async (page) => {
    while ((await button(page, /^View as table/).count()) > 0) await button(page, /^View as table/).first().click();
  } },
  { page: "metrics", name: "selection", path: "/metrics?range=1h", open: drag },
  { page: "metrics", name: "filtered", path: "/metrics?range=1h&q=status:4xx hello" },
  { page: "metrics", name: "nothing", path: "/metrics?range=5m&q=model:nothing" },

  { page: "requests", name: "page", path: "/requests?range=1h" },
  { page: "requests", name: "columns", path: "/requests?range=1h", open: press("Columns") },
  { page: "requests", name: "export", path: "/requests?range=1h", open: steps(press("Export"), menu) },
  { page: "requests", name: "filtered", path: "/requests?range=1h&q=status:4xx nothing:here" },
  { page: "requests", name: "no match", path: "/requests?range=1h&q=model:nothing" },
  { page: "requests", name: "empty", path: "/requests?range=1700000000000-1700000600000" },
  { page: "requests", name: "picked", path: "/requests?range=1h", open: async (page) => {
    await page.getByRole("checkbox", { name: /^Pick/ }).nth(0).check();
    await page.getByRole("checkbox", { name: /^Pick/ }).nth(1).check();
  } },
  { page: "requests", name: "compare", path: "/requests?range=1h", open: async (page) => {
    await page.getByRole("checkbox", { name: /^Pick/ }).nth(0).check();
    await page.getByRole("checkbox", { name: /^Pick/ }).nth(1).check();
    await button(page, "Compare 2/2").click();
    await dialog(page).getByRole("table").waitFor();
  } },
  { page: "requests", name: "drawer", path: "/requests?range=1h", open: steps(firstRow, (page) => page.getByRole("tab", { name: "Log" }).waitFor(), settled) },

  ...["timeline", "streams", "request", "response", "routing", "loss", "log"].map((name) => ({ page: "request", name, path: "/requests", open: request("model:assistant", name) })),
  { page: "request", name: "streams searched", path: "/requests", open: steps(request("model:assistant", "streams"), (page) => page.getByRole("searchbox").fill("data"), press("One step on")) },
  { page: "request", name: "streams taken", path: "/requests", open: steps(request("model:assistant", "streams"), press("Take away"), menu) },
  { page: "request", name: "raw", path: "/requests", open: steps(request("model:assistant", "request"), (page) => page.getByRole("switch", { name: "Raw" }).click()) },
  { page: "request", name: "after rules", path: "/requests", open: steps(request("model:assistant", "request"), tab("After rules")) },
  { page: "request", name: "unknown", path: "/requests/00000000000000000000000000000000", open: (page) => page.getByText("is not in the log").waitFor() },

  { page: "playground", name: "page", path: "/playground" },
  { page: "playground", name: "examples", path: "/playground", open: steps(press("Examples"), menu) },
  { page: "playground", name: "copy as", path: "/playground", open: steps(press("Copy as"), menu) },
  { page: "playground", name: "parts of a user", path: "/playground", open: steps(press("Add a part"), menu) },
  { page: "playground", name: "parts of the assistant", path: "/playground", open: steps(press("Add a message"), press("Add a part", 1), menu) },
  { page: "playground", name: "all parts", path: "/playground", open: steps(part("Image"), part("Tool result"), press("Add a message"), part("Tool call", 1), press("Add a tool")) },
  { page: "playground", name: "as JSON", path: "/playground", open: tab("JSON") },
  { page: "playground", name: "answered", path: "/playground", open: play("/wps 0 Hello") },
  { page: "playground", name: "history", path: "/playground", open: steps(play("/wps 0 Hello"), press(/^History/)) },
  { page: "playground", name: "running", path: "/playground", open: async (page) => {
    await page.getByLabel("Text of message 1").fill("/wps 1 This takes some seconds");
    await button(page, "Send").click();
    await button(page, "Stop").waitFor();
  } },

  { page: "providers", name: "page", path: "/providers" },
  { page: "providers", name: "drawer", path: "/providers", open: steps(provider("other"), (page) => button(page, "Send a test").waitFor()) },
  { page: "providers", name: "models of the upstream", path: "/providers", open: steps(provider("other"), press("Fetch models"), (page) => page.getByRole("searchbox").waitFor()) },
  { page: "providers", name: "delete", path: "/providers", open: steps(provider("other"), press("Delete"), (page) => page.getByRole("heading", { name: "What it does" }).waitFor()) },
  { page: "providers", name: "presets", path: "/providers?add=choose" },
  { page: "providers", name: "add", path: "/providers?add=custom", open: steps(unfold, press("Add a model"), press("Add a header"), (page) => page.getByLabel("Proxy").selectOption("own")) },
  { page: "providers", name: "add, with a variable", path: "/providers?add=openai", open: (page) => page.getByRole("radio", { name: "Environment variable" }).check() },
  { page: "providers", name: "add, with a file", path: "/providers?add=openai", open: (page) => page.getByRole("radio", { name: "File" }).check() },
  { page: "providers", name: "edit", path: "/providers", open: steps(provider("other"), press("Edit"), unfold, press("Fetch models"), (page) => page.getByRole("searchbox").waitFor()) },
  { page: "providers", name: "review", path: "/providers", open: steps(provider("other"), press("Edit"), unfold, (page) => page.getByLabel("Weight").fill("7"), press("Review the change"), (page) => page.getByRole("heading", { name: "What it does" }).or(page.getByRole("region", { name: "Lines of the configuration file" })).first().waitFor()) },
  { page: "providers", name: "discard", path: "/providers", open: steps(provider("other"), press("Edit"), unfold, (page) => page.getByLabel("Weight").fill("7"), press("Cancel"), (page) => page.getByText("Nothing of it has been saved.").waitFor()) },

  { page: "models", name: "page", path: "/models?ask=sonnet" },
  { page: "models", name: "columns", path: "/models", open: press("Columns") },
  { page: "models", name: "no match", path: "/models?find=nothing-like-it" },
  { page: "models", name: "drawer", path: "/models", open: async (page) => {
    await page.getByRole("row", { name: /^assistant-tools/ }).click();
    await page.getByRole("dialog").waitFor();
  } },

  { page: "keys", name: "page", path: "/keys" },
  { page: "keys", name: "drawer", path: "/keys", open: steps(provider("narrow"), (page) => button(page, "Save").waitFor()) },
  { page: "keys", name: "create", path: "/keys?add=1" },
  { page: "keys", name: "delete", path: "/keys", open: steps(provider("narrow"), press("Delete"), (page) => page.getByRole("heading", { name: "What it does" }).waitFor()) },
  { page: "keys", name: "discard", path: "/keys", open: steps(provider("narrow"), (page) => page.getByLabel(/^Name/).fill("other"), press("Close"), (page) => page.getByRole("heading", { name: /^Discard/ }).waitFor()) },

  { page: "routing", name: "page", path: "/routing" },
  { page: "routing", name: "explained", path: "/routing?model=sonnet", open: (page) => page.getByText("Attempt plan").waitFor() },
  { page: "routing", name: "edited", path: "/routing?model=gpt-4o", open: steps(press("Add a pin"), press("Add a rewrite"), press("Add a fallback"), (page) => page.getByText(/not saved|cannot be used/).waitFor()) },
  { page: "routing", name: "payload rule", path: "/routing", open: steps(press("Add a rule"), (page) => page.getByRole("dialog").waitFor()) },
  { page: "routing", name: "review", path: "/routing", open: steps(async (page) => {
    await page.getByRole("combobox", { name: "Strategy" }).selectOption("weighted");
    await page.getByText("1 part changed, not saved").waitFor();
  }, press("Review"), (page) => page.getByRole("dialog").waitFor()) },

  { page: "config", name: "file", path: "/config", open: (page) => page.locator(".cm-content").waitFor() },
  { page: "config", name: "in force", path: "/config?tab=effective", open: (page) => page.getByText(/^\d+ of \d+ values/).waitFor() },
  { page: "config", name: "in force, columns", path: "/config?tab=effective", open: press("Columns") },
  { page: "config", name: "in force, no match", path: "/config?tab=effective&q=nothing-like-it" },
  { page: "config", name: "reference", path: "/config?tab=schema", open: (page) => page.getByRole("searchbox").waitFor() },
  { page: "config", name: "reference, no match", path: "/config?tab=schema&q=nothing-like-it", open: (page) => page.getByText("No key matches").waitFor() },
  { page: "config", name: "review", path: "/config", open: steps(editConfig, press("Review"), (page) => dialog(page).locator(".cm-content").waitFor()) },
  { page: "config", name: "discard", path: "/config", open: steps(editConfig, press("Discard"), (page) => dialog(page).waitFor()) },
  { page: "config", name: "conflict", path: "/config", alone: true, open: async (page, gateway) => {
    await editConfig(page);
    const before = readFileSync(gateway.file, "utf8");
    writeFileSync(gateway.file, before.replace("# For tests", "# By others, for tests"));
    await button(page, "Compare").first().click();
    await dialog(page).getByRole("radio").first().waitFor();
    writeFileSync(gateway.file, before);
  } },
  { page: "config", name: "problem", path: "/config", open: async (page) => {
    await page.locator(".cm-line").first().click();
    await page.keyboard.press("End");
    await page.keyboard.type("\nnonsense: 1");
    await page.getByRole("list", { name: "Problems of the text" }).waitFor();
  } },

  { page: "logs", name: "page", path: "/logs" },
  { page: "logs", name: "details", path: "/logs", open: (page) => page.locator("main [role=row][data-key]").filter({ has: page.getByRole("link") }).last().getByRole("button", { name: "Details" }).click() },
  { page: "logs", name: "filtered", path: "/logs?q=request&request=none", open: (page) => page.getByText("No record matches").waitFor() },
  { page: "logs", name: "not followed", path: "/logs", open: (page) => page.getByRole("switch", { name: "Follow" }).click() },

  { page: "system", name: "page", path: "/system" },
  { page: "system", name: "columns", path: "/system", open: press("Columns") },
  { page: "system", name: "reload", path: "/system", open: press("Reload configuration") },
  { page: "system", name: "support bundle", path: "/system", open: steps(press("Support bundle"), (page) => dialog(page).locator("dt").first().waitFor()) },
  { page: "system", name: "record", path: "/system", open: steps(firstRow, (page) => page.getByRole("dialog").waitFor()) },
];
