/** Every control of the metrics, by what it does. */
import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";

const CHARTS = ["Requests", "Error rate", "Whole requests, p95", "First token, p95", "Tokens generated", "Tokens read", "Cost"];
const SPREADS = ["Whole requests, without a stream", "Whole requests, streamed", "Time to first token", "Gaps between chunks", "Added by the gateway"];

describe.skipIf(noBrowser)("the metrics", () => {
  const busy = useBusy();

  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const names = async () => (await busy.page.getByRole("region", { name: "In numbers" }).last().getByRole("rowheader").allTextContents()).map((each) => each.trim()).sort();

  it("tell series apart by each dimension there is", async () => {
    const { page } = busy;
    await busy.show("/metrics?range=1h");
    const by = page.getByLabel("By", { exact: true });
    const dimensions = [["served_model", "echo"], ["provider", "openai-compat"], ["credential", "other"], ["format", "gemini"], ["upstream_format", "chat"], ["key", "tests"], ["status", "4xx"], ["outcome", "upstream errors"], ["error", "rate_limit"], ["endpoint", "inference"], ["model", "echo"]] as const;
    for (const [value, some] of dimensions) {
      await by.selectOption(value);
      await expect.poll(() => busy.asked("by")).toBe(value === "model" ? null : value);
      await expect.poll(async () => (await names()).join(" "), { message: value }).toContain(some);
    }
    expect(await by.locator("option").count()).toBe(dimensions.length);
  });

  it("draw the percentile that is chosen", async () => {
    const { page } = busy;
    await busy.show("/metrics?range=1h");
    await page.getByRole("img", { name: /p95/ }).first().waitFor();
    await page.getByLabel("Percentile").selectOption("p50");
    expect(busy.asked("p")).toBe("p50");
    await page.getByRole("heading", { name: "First token, p50" }).waitFor();
    await page.getByRole("region", { name: "Whole requests, p50" }).waitFor();
    await page.getByLabel("Percentile").selectOption("p95");
    await page.getByRole("heading", { name: "First token, p95" }).waitFor();
  });

  it("are tables, each of them, on demand", async () => {
    const { page } = busy;
    await busy.show("/metrics?range=1h");
    for (const name of CHARTS) {
      const chart = page.getByRole("region", { name, exact: true });
      await chart.getByRole("button", { name: "View as table" }).click();
      await chart.getByRole("columnheader", { name: "Time", exact: true }).waitFor();
      await chart.getByRole("columnheader", { name: "echo", exact: true }).waitFor();
      await chart.getByRole("button", { name: "View as chart" }).click();
      await chart.locator(".u-over").waitFor();
    }
    for (const name of SPREADS) {
      await button(`View as table: ${name}`).click();
      const counts = await page.getByRole("region", { name, exact: true }).getByRole("row").evaluateAll((all) => all.slice(1).map((each) => Number(each.querySelector("td")?.textContent)));
      expect(counts.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(0);
      await button(`View as chart: ${name}`).click();
      await button(`View as table: ${name}`).waitFor();
    }
  });

  it("are of a dragged stretch of any chart, which narrows the page or leads to its requests", async () => {
    const { page } = busy;
    const drag = async (name: string) => {
      const plot = page.getByRole("region", { name, exact: true }).locator(".u-over");
      await plot.scrollIntoViewIfNeeded();
      const box = await plot.boundingBox();
      if (box === null) throw new Error(`${name} has no size`);
      await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 2, box.y + 30, { steps: 4 });
      await page.mouse.up();
      await page.getByText(/ selected$/).waitFor();
    };
    await busy.show("/metrics?range=15m&q=model:echo");
    for (const name of CHARTS) {
      await drag(name);
      await button("Clear the selection").click();
      await page.getByText("Drag over a chart", { exact: false }).waitFor();
    }
    await drag("Requests");
    await button("Narrow the range").click();
    await page.waitForURL(/range=\d+-\d+/);
    const [from, to] = (busy.asked("range") ?? "").split("-").map(Number);
    expect((to ?? 0) - (from ?? 0)).toBeLessThan(480_000);
    expect((to ?? 0) - (from ?? 0)).toBeGreaterThan(420_000);
    await busy.show("/metrics?range=15m&q=model:echo");
    await drag("Requests");
    await page.getByRole("link", { name: "Show these requests" }).click();
    await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
    expect(busy.asked("q")).toBe("model:echo");
    expect(busy.asked("range")).toMatch(/^\d+-\d+$/);
    const { items } = await busy.api<{ items: { model: string }[] }>("/logs?model=echo&limit=200");
    await expect.poll(() => page.locator("main [role=row][data-key]").count()).toBe(items.length + 1);
  });

  it("are filtered as typed, and each filter goes away again", async () => {
    const { page } = busy;
    await busy.show("/metrics?range=1h");
    const box = page.getByRole("combobox", { name: "Filter" });
    await box.fill("status:4xx");
    await box.press("Enter");
    await expect.poll(names).toEqual(["(none)", "echo-error-429", "no-such-model"]);
    await button("Remove filter status:4xx").click();
    await expect.poll(async () => (await names()).length).toBeGreaterThan(5);
    await box.fill("model:nothing hello");
    await box.press("Enter");
    await button("Remove filter text: hello").click();
    expect(busy.asked("q")).toBe("model:nothing");
    await button("Remove all filters").click();
    await expect.poll(() => busy.asked("q")).toBe(null);

    await busy.show("/metrics?range=5m&q=model:nothing");
    await button("Show the last 24 hours").click();
    expect(busy.asked("range")).toBe("24h");
    await button("Remove the filter").click();
    await page.getByRole("region", { name: "In numbers" }).first().waitFor();
    await busy.show("/metrics?range=1700000000000-1700000600000");
    await page.getByRole("link", { name: "Send a request" }).click();
    await page.getByRole("heading", { level: 1, name: "Playground" }).waitFor();
  });

  it("narrow to a row of the numbers, and lead to its requests", async () => {
    const { page } = busy;
    await busy.show("/metrics?range=1h");
    await button("Only assistant").click();
    expect(busy.asked("q")).toBe("model:assistant");
    await expect.poll(names).toEqual(["assistant"]);
    const link = page.getByRole("link", { name: /: Show the requests of assistant$/ });
    const said = Number((await link.textContent())?.trim());
    await link.click();
    await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
    expect(busy.asked("q")).toBe("model:assistant");
    await expect.poll(() => page.locator("main [role=row][data-key]").count()).toBe(said + 1);
  });
});
