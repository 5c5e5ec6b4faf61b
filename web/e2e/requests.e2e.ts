/** Every control of the list of requests, by what it does. */
import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";
import { settled } from "./pages";
import { ask } from "./traffic";

type Item = { request_id: string; status: number; model: string };

describe.skipIf(noBrowser)("the list of requests", () => {
  const busy = useBusy();

  const rows = () => busy.page.locator("main [role=row][data-key]");
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const filter = () => busy.page.getByRole("combobox", { name: "Filter" });
  /** Rows that are requests; the last says that there are no more. */
  const count = async () => (await rows().count()) - 1;
  const items = async (query: string) => (await busy.api<{ items: Item[] }>(`/logs?limit=200${query}`)).items;
  const heads = () => busy.page.locator("main [role=columnheader]").evaluateAll((all) => all.map((each) => each.textContent));

  it("filters by what is typed, and takes each filter away again", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h");
    const all = (await items("")).length;
    await expect.poll(count).toBe(all);
    await filter().fill("status:4xx");
    await filter().press("Enter");
    const refused = (await items("&status=4xx")).length;
    await expect.poll(count).toBe(refused);
    expect(busy.asked("q")).toBe("status:4xx");
    await filter().fill("limit");
    await filter().press("Enter");
    await button("Remove filter text: limit").waitFor();
    await button("Remove filter status:4xx").click();
    expect(busy.asked("q")).toBe("limit");
    await button("Remove filter text: limit").click();
    await expect.poll(count).toBe(all);
    expect(busy.asked("q")).toBe(null);

    await filter().fill("model:echo stream:no");
    await filter().press("Enter");
    await expect.poll(count).toBe(1);
    await button("Remove all filters").click();
    await expect.poll(count).toBe(all);
    // The box proposes what the log knows.
    await filter().fill("mod");
    const proposed = () => page.locator("main datalist option").evaluateAll((all) => all.map((each) => each.getAttribute("value")));
    await expect.poll(proposed).toContain("model:");
    await filter().fill("model:echo-c");
    await expect.poll(proposed).toEqual(["model:echo-cut"]);
  });

  it("says what to give up where nothing matches, and what the gateway cannot filter by", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h&q=status:404 model:nothing");
    await page.getByText("Remove model:nothing to see 1.").waitFor();
    await button("Remove model:nothing").click();
    await expect.poll(count).toBe(1);
    expect(busy.asked("q")).toBe("status:404");

    await busy.show("/requests?range=1h&q=status:404 -model:echo");
    await page.getByText("Not asked for, since the gateway cannot filter by it: -model:echo").waitFor();
    await button("Remove").click();
    expect(busy.asked("q")).toBe("status:404");
  });

  it("leads on where nothing was asked", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1700000000000-1700000600000");
    await button("Look at 7 days").click();
    expect(busy.asked("range")).toBe("7d");
    await rows().first().waitFor();
    await busy.show("/requests?range=1700000000000-1700000600000");
    await button("Send one in the playground").click();
    await page.getByRole("heading", { level: 1, name: "Playground" }).waitFor();
  });

  it("narrows the range by a bar of the histogram, and by several", async () => {
    const { page } = busy;
    await busy.show("/requests?range=15m");
    const bars = page.getByRole("group", { name: /^Requests over time/ }).getByRole("button");
    const full = bars.filter({ has: page.locator("span") }).last();
    const said = /: (\d+) requests/.exec((await full.getAttribute("aria-label")) ?? "");
    await full.click();
    await page.waitForURL(/range=\d+-\d+/);
    const width = () => {
      const [from, to] = (busy.asked("range") ?? "").split("-").map(Number);
      return (to ?? 0) - (from ?? 0) + 1;
    };
    const one = width();
    await expect.poll(count).toBe(Number(said?.[1]));

    await busy.show("/requests?range=15m");
    await bars.nth(10).focus();
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForURL(/range=\d+-\d+/);
    expect(width()).toBe(3 * one);
  });

  it("hides, moves and widens columns, and has them as they were", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h");
    const usual = await heads();
    await button("Columns").click();
    const panel = page.locator("[data-radix-popper-content-wrapper]");
    for (const name of ["Time", "Status", "Model", "Provider", "Wire", "TTFT", "Total", "Tokens", "Cost", "Tries", "Key", "Request id", "Pick"]) {
      const box = panel.getByRole("checkbox", { name, exact: true });
      const shown = await box.isChecked();
      await box.click();
      await expect.poll(async () => (await heads()).includes(name)).toBe(!shown);
      await box.click();
      await expect.poll(async () => (await heads()).includes(name)).toBe(shown);
    }
    const at = async (name: string) => (await heads()).indexOf(name);
    const first = await at("Status");
    await panel.getByRole("button", { name: "Move Status right" }).click();
    expect(await at("Status")).toBe(first + 1);
    await panel.getByRole("button", { name: "Move Status left" }).click();
    expect(await at("Status")).toBe(first);
    await panel.getByRole("button", { name: "Move Status right" }).click();
    await panel.getByRole("checkbox", { name: "Wire" }).uncheck();
    await page.reload();
    await settled(page);
    expect(await at("Status")).toBe(first + 1);
    expect(await heads()).not.toContain("Wire");
    await button("Columns").click();
    await panel.getByRole("button", { name: "Reset columns" }).click();
    expect(await heads()).toEqual(usual);
    await page.keyboard.press("Escape");

    for (const name of usual.filter((each) => each !== "")) {
      const grip = page.getByRole("separator", { name: `Width of column ${name}` });
      const before = Number(await grip.getAttribute("aria-valuenow"));
      await grip.focus();
      await page.keyboard.press("ArrowRight");
      expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before + 16);
    }
    const grip = page.getByRole("separator", { name: "Width of column Time" });
    const before = Number(await grip.getAttribute("aria-valuenow"));
    await grip.hover();
    const box = await grip.boundingBox();
    await page.mouse.down();
    await page.mouse.move((box?.x ?? 0) + 50, (box?.y ?? 0) + 8, { steps: 4 });
    await page.mouse.up();
    expect(Number(await grip.getAttribute("aria-valuenow"))).toBeGreaterThan(before + 20);
    await button("Columns").click();
    await panel.getByRole("button", { name: "Reset columns" }).click();
    await page.keyboard.press("Escape");
  });

  it("exports what is filtered, as lines and as a table", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h&q=status:4xx");
    const wanted = (await items("&status=4xx")).map((item) => item.request_id).sort();
    await button("Export").click();
    const lines = await busy.saved(page.getByRole("menuitem", { name: "JSON lines (.jsonl)" }));
    expect(lines.name).toMatch(/\.jsonl$/);
    const read = lines.text.trim().split("\n").map((line) => JSON.parse(line) as Item);
    expect(read.map((item) => item.request_id).sort()).toEqual(wanted);
    await button("Export").click();
    const table = await busy.saved(page.getByRole("menuitem", { name: "Table (.csv)" }));
    expect(table.name).toMatch(/\.csv$/);
    const [head = "", ...lineRows] = table.text.trim().split(/\r?\n/);
    expect(head).toContain("request_id");
    expect(lineRows.length).toBe(wanted.length);
    for (const id of wanted) expect(table.text).toContain(id);
  });

  it("compares two that are picked, and forgets the picks", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h&q=status:4xx");
    const picks = page.getByRole("checkbox", { name: /^Pick/ });
    expect(await button("Compare 0/2").isDisabled()).toBe(true);
    await picks.nth(0).check();
    await picks.nth(1).check();
    const ids = await rows().evaluateAll((all) => all.slice(0, 2).map((each) => /Pick (\S+) to/.exec(each.querySelector("input")?.getAttribute("aria-label") ?? each.querySelector("label")?.textContent ?? "")?.[1] ?? ""));
    await button("Compare 2/2").click();
    const dialog = page.getByRole("dialog", { name: "Two requests side by side" });
    await dialog.getByRole("table").waitFor();
    expect((busy.asked("compare") ?? "").split(" ").sort()).toEqual(ids.sort());
    for (const id of ids) await dialog.getByText(id).waitFor();
    await dialog.getByText("differs").first().waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    expect(busy.asked("compare")).toBe(null);
    await button("Clear").click();
    expect(await picks.nth(0).isChecked()).toBe(false);
    await button("Compare 0/2").waitFor();
  });

  it("opens a row in a drawer that goes on, can be made wider, and closes", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h");
    await rows().nth(0).click();
    const drawer = page.getByRole("dialog");
    const first = busy.asked("id");
    await drawer.getByRole("button", { name: "Next row (J)" }).click();
    await expect.poll(() => busy.asked("id")).not.toBe(first);
    await drawer.getByRole("button", { name: "Previous row (K)" }).click();
    await expect.poll(() => busy.asked("id")).toBe(first);
    const width = async () => Math.round((await drawer.boundingBox())?.width ?? 0);
    expect(await width()).toBe(960);
    const grip = drawer.getByRole("separator", { name: "Width of the panel" });
    await grip.focus();
    await page.keyboard.press("ArrowLeft");
    expect(await width()).toBe(1000);
    const box = await grip.boundingBox();
    await page.mouse.move((box?.x ?? 0) + 2, 300);
    await page.mouse.down();
    await page.mouse.move((box?.x ?? 0) + 202, 300, { steps: 4 });
    await page.mouse.up();
    expect(await width()).toBeLessThan(850);
    await page.reload();
    await drawer.waitFor();
    expect(await width()).toBeLessThan(850);
    await drawer.getByRole("button", { name: "Close" }).click();
    await drawer.waitFor({ state: "detached" });
    expect(busy.asked("id")).toBe(null);
  });

  it("copies the id of the row, and holds new rows while one has the focus", async () => {
    const { page, gateway } = busy;
    await busy.show("/requests?range=1h");
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor();
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "row");
    const [newest] = await items("");
    await page.evaluate(() => navigator.clipboard.writeText(""));
    await page.keyboard.press("c");
    await page.getByText("Request id copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(newest?.request_id);
    await page.getByRole("button", { name: "Dismiss" }).click();
    await page.getByText("Request id copied").waitFor({ state: "detached" });

    await page.keyboard.press("j");
    await page.locator("main [role=row]:focus").waitFor();
    const before = await rows().first().getAttribute("data-key");
    await ask(gateway.url, { text: "/wps 0 One more" });
    await button("1 new").waitFor();
    expect(await rows().first().getAttribute("data-key")).toBe(before);
    await button("1 new").click();
    await expect.poll(() => rows().first().getAttribute("data-key")).not.toBe(before);
  });

  it("says at the end of the list where its limit is set", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h");
    await page.locator("main [role=table]").getByRole("link", { name: "Config" }).click();
    await page.getByRole("heading", { level: 1, name: "Config" }).waitFor();
  });
});
