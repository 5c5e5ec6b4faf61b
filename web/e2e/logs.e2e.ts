/** Every control of the gateway's own log, by what it does. */
import { readFileSync, writeFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";
import { ask } from "./traffic";

type Logs = { logs: { seq: number; level: string; logger: string; message: string; request_id: string | null }[] };

describe.skipIf(noBrowser)("the log", () => {
  const busy = useBusy();

  const rows = () => busy.page.locator("main [role=row][data-key]");
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const records = async (query = "") => (await busy.api<Logs>(`/system/logs?limit=200${query}`)).logs;

  it("is searched, by level, by logger and by words; all filters go away at once", async () => {
    const { page, gateway } = busy;
    const text = readFileSync(gateway.file, "utf8");
    writeFileSync(gateway.file, `${text}nonsense: 1\n`);
    await expect.poll(async () => (await records("&level=warning")).length).toBeGreaterThan(0);
    writeFileSync(gateway.file, text);
    await expect.poll(async () => (await busy.api<{ problems: unknown[] }>("/config/raw")).problems).toEqual([]);
    await busy.show("/logs");
    const all = await records();
    await expect.poll(() => rows().count()).toBe(all.length);
    await page.getByRole("combobox", { name: "Level" }).selectOption("warning");
    expect(busy.asked("level")).toBe("warning");
    const warned = all.filter(({ level }) => ["warning", "error", "critical"].includes(level)).length;
    await expect.poll(() => rows().count()).toBe(warned);
    await page.getByRole("textbox", { name: "Search" }).fill("nonsense");
    await expect.poll(() => busy.asked("q")).toBe("nonsense");
    await expect.poll(() => rows().count()).toBe(all.filter((each) => each.message.includes("nonsense") && each.level !== "info").length);
    await page.getByRole("textbox", { name: "Search" }).fill("nothing like it");
    await page.getByText("No record matches").waitFor();
    await button("Remove all filters").first().click();
    await expect.poll(() => rows().count()).toBe(all.length);
    expect(new URL(page.url()).search).toBe("");

    const [last] = all;
    const logger = last?.logger ?? "";
    await page.getByRole("textbox", { name: "Logger" }).fill(logger);
    await expect.poll(() => busy.asked("logger")).toBe(logger);
    await expect.poll(() => rows().count()).toBe(all.filter((each) => each.logger.startsWith(logger)).length);
    await page.getByRole("textbox", { name: "Logger" }).press("Escape");
    await expect.poll(() => busy.asked("logger")).toBe(null);
  });

  it("is copied and saved as it is narrowed", async () => {
    const { page } = busy;
    await busy.show("/logs?level=warning");
    const warned = await records("&level=warning");
    expect(warned.length).toBeGreaterThan(0);
    await expect.poll(() => rows().count()).toBe(warned.length);
    const text = await busy.copied(button("Copy"));
    expect(text.split("\n").length).toBeGreaterThanOrEqual(warned.length);
    for (const record of warned) expect(text).toContain(record.message);
    const file = await busy.saved(button("Download"));
    expect(file.name).toMatch(/^aigw-log-.*\.jsonl$/);
    expect(file.text.trim().split("\n").map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(warned.map(({ seq }) => seq).sort((a, b) => a - b));
    await page.getByRole("table").waitFor();
  });

  it("unfolds a record, which is copied, leads to its request and narrows to it", async () => {
    const { page } = busy;
    await busy.show("/logs");
    const row = rows().filter({ has: page.getByRole("link") }).last();
    const id = (await row.getByRole("link").getAttribute("href"))?.split("/").at(-1) ?? "";
    await row.getByRole("button", { name: "Details" }).click();
    await row.getByText(/^Process \d+$/).waitFor();
    expect(await busy.copied(row.getByRole("button", { name: "Copy record" }))).toContain(id);
    await row.getByRole("button", { name: "Only this request" }).click();
    expect(busy.asked("request")).toBe(id);
    const own = (await records(`&request_id=${id}`)).filter((each) => each.request_id === id);
    await expect.poll(() => rows().count()).toBe(own.length);
    await button("Show records of all requests").click();
    expect(busy.asked("request")).toBe(null);
    await expect.poll(() => rows().count()).toBeGreaterThan(own.length);
    await rows().getByRole("link", { name: /^Open request / }).and(page.locator(`[href$="/${id}"]`)).first().click();
    await page.getByRole("heading", { level: 1, name: "Request" }).waitFor();
    expect(page.url()).toContain(`/requests/${id}`);

    // The same by the keyboard.
    await busy.show("/logs");
    await page.keyboard.press("j");
    await page.locator("main [role=row]:focus").waitFor();
    await page.keyboard.press("Enter");
    await page.locator("main [role=row]:focus").getByText(/^Process \d+$/).waitFor();
  });

  it("wraps long lines on demand", async () => {
    const { page } = busy;
    await busy.show("/logs");
    const space = () => rows().last().locator("[role=cell]").nth(4).evaluate((cell) => getComputedStyle(cell).whiteSpace);
    const before = await space();
    await page.getByRole("switch", { name: "Wrap" }).click();
    expect(busy.asked("wrap")).toBe("1");
    expect(await space()).not.toBe(before);
    await page.getByRole("switch", { name: "Wrap" }).click();
    expect(await space()).toBe(before);
  });

  it("follows its end until told not to, and then says what has come", async () => {
    const { page, gateway } = busy;
    await busy.show("/logs");
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor();
    const before = await rows().count();
    await ask(gateway.url, { model: "echo-cut", text: "/wps 0 For the log" });
    await expect.poll(() => rows().count()).toBeGreaterThan(before);
    const follow = page.getByRole("switch", { name: "Follow" });
    await follow.click();
    expect(await follow.getAttribute("aria-checked")).toBe("false");
    const held = await rows().count();
    await ask(gateway.url, { model: "echo-cut", text: "/wps 0 For the log again" });
    await button(/^\d+ new$/).waitFor();
    expect(await rows().count()).toBe(held);
    await button(/^\d+ new$/).click();
    await expect.poll(() => rows().count()).toBeGreaterThan(held);
    expect(await follow.getAttribute("aria-checked")).toBe("true");
    await follow.click();
    await button("To the newest").click();
    expect(await follow.getAttribute("aria-checked")).toBe("true");
  });
});
