/** Every control of the system page, by what it does. */
import { readFileSync, writeFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";
import { settled } from "./pages";
import { CLIENT_KEY } from "./traffic";

type Info = { version: string; reloads: { changed: boolean }[] };
type Audit = { records: { seq: number; action: string; request_id: string }[] };

describe.skipIf(noBrowser)("the system", () => {
  const busy = useBusy();

  const rows = () => busy.page.locator("main [role=row][data-key]");
  const heads = () => busy.page.locator("main [role=columnheader]").evaluateAll((all) => all.filter((each) => each.tagName === "DIV").map((each) => each.textContent));
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const readings = async () => (await busy.api<Info>("/system/info")).reloads.length;

  it("reads the configuration again when told to, and not when one thinks better of it", async () => {
    const { page, gateway } = busy;
    await busy.show("/system");
    const before = await readings();
    await button("Reload configuration").click();
    expect(busy.asked("ask")).toBe("reload");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await button("Reload configuration").click();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await readings()).toBe(before);

    await button("Reload configuration").click();
    await page.getByRole("dialog").getByRole("button", { name: "Reload", exact: true }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await readings()).toBe(before + 1);
    await rows().filter({ hasText: "config.reload" }).first().waitFor();

    // What is wrong with the file is said in place.
    const text = readFileSync(gateway.file, "utf8");
    writeFileSync(gateway.file, `${text}nonsense: 1\n`);
    await button("Reload configuration").click();
    await page.getByRole("dialog").getByRole("button", { name: "Reload", exact: true }).click();
    await page.getByRole("dialog").getByText(/nonsense/).first().waitFor();
    await page.keyboard.press("Escape");
    writeFileSync(gateway.file, text);
    // The browser itself reports the refusal.
    await expect.poll(() => busy.errors.splice(0).filter((error) => !error.includes("422"))).toEqual([]);
    await expect.poll(() => page.getByText(/invalid and not in force/).count()).toBe(0);
  });

  it("lists what is in the support bundle, and saves it without secrets", async () => {
    const { page } = busy;
    await busy.show("/system");
    await button("Support bundle").click();
    const dialog = page.getByRole("dialog");
    const parts = await dialog.locator("dt code").allTextContents();
    expect(parts.length).toBeGreaterThan(2);
    const download = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Download" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^aigw-support-\d+\.json$/);
    const text = readFileSync(await file.path(), "utf8");
    expect(Object.keys((JSON.parse(text) as { parts: object }).parts)).toEqual(expect.arrayContaining(parts));
    for (const secret of [CLIENT_KEY, "sk-upstream-gone", "sk-upstream-other"]) expect(text).not.toContain(secret);
    await dialog.waitFor({ state: "detached" });
    await button("Support bundle").click();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(busy.asked("ask")).toBe(null);
  });

  it("copies the version, and leads to the configuration", async () => {
    const { page } = busy;
    await busy.show("/system");
    const { version } = await busy.api<Info>("/system/info");
    expect(await busy.copied(page.getByRole("region", { name: "Gateway" }).getByRole("button", { name: "Copy" }))).toBe(version);
    await page.getByRole("link", { name: "Open config" }).click();
    await page.getByRole("heading", { level: 1, name: "Config" }).waitFor();
  });

  it("opens a record of what was done, goes on, and copies its request", async () => {
    const { page } = busy;
    await busy.show("/system");
    const { records } = await busy.api<Audit>("/system/audit");
    await expect.poll(() => rows().count()).toBe(records.length);
    await rows().nth(0).click();
    const drawer = page.getByRole("dialog");
    await expect.poll(() => busy.asked("record")).toBe(String(records[0]?.seq));
    await drawer.getByRole("button", { name: "Next row (J)" }).click();
    await expect.poll(() => busy.asked("record")).toBe(String(records[1]?.seq));
    await page.getByRole("dialog", { name: new RegExp(records[1]?.action ?? "") }).waitFor();
    await drawer.getByRole("button", { name: "Previous row (K)" }).click();
    await expect.poll(() => busy.asked("record")).toBe(String(records[0]?.seq));
    const grip = drawer.getByRole("separator", { name: "Width of the panel" });
    const before = Number(await grip.getAttribute("aria-valuenow"));
    await grip.focus();
    await page.keyboard.press("ArrowLeft");
    expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before + 40);
    const copy = drawer.getByRole("button", { name: "Copy", exact: true });
    if ((await copy.count()) > 0) expect(await busy.copied(copy)).toBe(records[0]?.request_id);
    await drawer.getByRole("button", { name: "Close" }).click();
    await drawer.waitFor({ state: "detached" });
    expect(busy.asked("record")).toBe(null);
  });

  it("has columns to hide, move and widen in what was done", async () => {
    const { page } = busy;
    await busy.show("/system");
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
    await panel.getByRole("checkbox", { name: "Number", exact: true }).check();
    await expect.poll(heads).toContain("Number");
    await panel.getByRole("button", { name: "Move Who left" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["Who", "When"]);
    await panel.getByRole("button", { name: "Move Who right" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["When", "Who"]);
    await page.reload();
    await settled(page);
    expect(await heads()).toContain("Number");
    await button("Columns").click();
    await panel.getByRole("button", { name: "Reset columns" }).click();
    expect(await heads()).toEqual(usual);
    await page.keyboard.press("Escape");
    for (const name of usual) {
      const grip = page.getByRole("separator", { name: `Width of column ${name}` });
      const before = Number(await grip.getAttribute("aria-valuenow"));
      await grip.focus();
      await page.keyboard.press("ArrowRight");
      expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before + 16);
    }
  });
});
