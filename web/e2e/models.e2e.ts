/** Every control of the models page, by what it does. */
import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";
import { settled } from "./pages";

type Models = { models: { name: string; kind: string; warnings: unknown[] }[] };

describe.skipIf(noBrowser)("the models", () => {
  const busy = useBusy();

  const rows = () => busy.page.locator("main [role=row][data-key]");
  const names = () => rows().evaluateAll((all) => all.map((each) => each.querySelector("code")?.textContent ?? ""));
  const heads = () => busy.page.locator("main [role=columnheader]").evaluateAll((all) => all.map((each) => each.textContent));
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });

  it("are searched, narrowed to those with warnings, and shown again", async () => {
    const { page } = busy;
    const { models } = await busy.api<Models>("/models");
    await busy.show("/models");
    await page.getByText(`${models.length} of ${models.length}`).waitFor();
    await page.getByRole("searchbox", { name: "Find a model" }).fill("assistant-t");
    await expect.poll(names).toEqual(["assistant-tools"]);
    expect(busy.asked("find")).toBe("assistant-t");
    await page.getByRole("searchbox", { name: "Find a model" }).fill("nothing like it");
    await button("Remove the filter").click();
    await page.getByText(`${models.length} of ${models.length}`).waitFor();
    await page.getByRole("checkbox", { name: /^Only with warnings/ }).check();
    const warned = models.filter((model) => model.warnings.length > 0).map((model) => model.name);
    await expect.poll(names).toEqual(warned);
    expect(busy.asked("only")).toBe("warnings");
    await page.getByRole("checkbox", { name: /^Only with warnings/ }).uncheck();
    await page.getByText(`${models.length} of ${models.length}`).waitFor();
  });

  it("are sorted by name, kind and last use, both ways", async () => {
    const { page } = busy;
    await busy.show("/models");
    const cells = async (at: number) => (await rows().evaluateAll((all, nth) => all.map((each) => each.querySelectorAll("[role=cell]")[nth]?.textContent ?? ""), at)).filter((_, row) => row < 8);
    const sorted = (values: string[]) => [...values].sort((a, b) => a.localeCompare(b));
    for (const [name, at] of [["Public name", 0], ["Kind", 1]] as const) {
      const head = page.getByRole("columnheader", { name: new RegExp(`^${name}`) });
      await button(name).click();
      expect(await head.getAttribute("aria-sort")).toBe("descending");
      const down = await cells(at);
      expect(down).toEqual(sorted(down).reverse());
      await button(name).click();
      expect(await head.getAttribute("aria-sort")).toBe("ascending");
      const up = await cells(at);
      expect(up).toEqual(sorted(up));
      expect(up).not.toEqual(down);
    }
    await button("Last used").click();
    expect(busy.asked("sort")).toBe("used");
    expect((await cells(7))[0]).not.toBe("never");
    await button("Last used").click();
    expect((await cells(7))[0]).toBe("never");
  });

  it("have columns to hide, move and widen", async () => {
    const { page } = busy;
    await busy.show("/models");
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
    await panel.getByRole("button", { name: "Move Kind left" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["Kind", "Public name"]);
    await panel.getByRole("button", { name: "Move Kind right" }).click();
    expect((await heads()).slice(0, 2)).toEqual(["Public name", "Kind"]);
    await panel.getByRole("button", { name: "Move Kind left" }).click();
    await page.reload();
    await settled(page);
    expect((await heads())[0]).toBe("Kind");
    await button("Columns").click();
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
  });

  it("are explained as asked: by name, format and key; each step leads to its line", async () => {
    const { page } = busy;
    await busy.show("/models");
    await page.getByLabel("Model name").fill("sonnet");
    await page.getByText("“sonnet” is an alias", { exact: false }).or(page.getByText("If “sonnet” cannot be answered", { exact: false })).first().waitFor();
    expect(busy.asked("ask")).toBe("sonnet");
    await page.locator("summary", { hasText: "more do not serve this model" }).click();
    await page.getByText("echo-gemini").last().waitFor();
    await page.getByLabel("Client format").selectOption("messages");
    await expect.poll(() => busy.asked("format")).toBe("messages");
    await page.getByLabel("Client key").selectOption({ label: "narrow" });
    await page.getByText(/^Refused:/).waitFor();
    await page.getByRole("link", { name: "Try other rules in Routing" }).click();
    await page.getByRole("heading", { level: 1, name: "Routing" }).waitFor();
    expect(await page.getByRole("combobox", { name: "Model" }).inputValue()).toBe("sonnet");
    expect(await page.getByRole("combobox", { name: "Client speaks" }).inputValue()).toBe("messages");
    expect(await page.getByRole("combobox", { name: "Client key" }).locator("option:checked").textContent()).toBe("narrow");

    await busy.show("/models?ask=gpt-4o");
    await page.getByRole("list", { name: "Steps" }).getByRole("link", { name: /^line \d+$/ }).first().click();
    await page.locator(".cm-activeLine", { hasText: "gpt-4o" }).waitFor();
  });

  it("open in a drawer: copied, asked for, and followed to requests and providers", async () => {
    const { page } = busy;
    await busy.show("/models");
    await page.getByRole("row", { name: /^assistant-tools/ }).click();
    const drawer = page.getByRole("dialog");
    await page.getByRole("dialog", { name: "Model assistant-tools" }).waitFor();
    expect(await busy.copied(drawer.getByRole("button", { name: "Copy", exact: true }))).toBe("assistant-tools");
    const listed = await names();
    const at = listed.indexOf("assistant-tools");
    await drawer.getByRole("button", { name: "Next row (J)" }).click();
    await page.getByRole("dialog", { name: `Model ${listed[at + 1]}`, exact: true }).waitFor();
    await drawer.getByRole("button", { name: "Previous row (K)" }).click();
    await page.getByRole("dialog", { name: "Model assistant-tools" }).waitFor();
    const grip = drawer.getByRole("separator", { name: "Width of the panel" });
    const before = Number(await grip.getAttribute("aria-valuenow"));
    await grip.focus();
    await page.keyboard.press("ArrowRight");
    expect(Number(await grip.getAttribute("aria-valuenow"))).toBe(before - 40);
    await drawer.getByRole("button", { name: "Close" }).click();
    await drawer.waitFor({ state: "detached" });

    await page.getByRole("row", { name: /^assistant-tools/ }).click();
    await drawer.getByRole("button", { name: "What happens if I ask for it?" }).click();
    await drawer.waitFor({ state: "detached" });
    expect(await page.getByLabel("Model name").inputValue()).toBe("assistant-tools");
    await page.getByRole("row", { name: /^assistant/ }).first().click();
    await drawer.getByRole("link", { name: "other", exact: true }).click();
    await page.getByRole("dialog", { name: "other" }).waitFor();
    await page.goBack();
    await drawer.getByRole("link", { name: "Its requests of the last 7 days" }).click();
    await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
    expect(busy.asked("q")).toBe("model:assistant");
    expect(busy.asked("range")).toBe("7d");
  });
});
