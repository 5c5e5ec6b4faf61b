/** Every control of one request, on its page and in the drawer, by what it does. */
import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";

type Captured = { body: string };
type Detail = { entry: { model: string }; capture: { request: Captured; answer: Captured; attempts: { request: Captured; answer: Captured | null }[] } };

describe.skipIf(noBrowser)("a request", () => {
  const busy = useBusy();
  let id = "";

  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const tab = (name: string) => busy.page.getByRole("tab", { name, exact: true });
  const streams = () => busy.page.getByRole("table", { name: "Both streams, row by row" });
  const rows = () => streams().locator("[role=row][data-at]");
  const detail = () => busy.api<Detail>(`/logs/${id}`);

  /** The one that went over two upstreams. */
  async function open(name: string): Promise<void> {
    if (id === "") {
      const { items } = await busy.api<{ items: { request_id: string }[] }>("/logs?model=assistant&retried=true");
      id = items[0]?.request_id ?? "";
    }
    await busy.show(`/requests/${id}${name === "" ? "" : `?tab=${name}`}`);
    await tab("Timeline").waitFor();
  }

  it("has its id and a command to copy, and is taken to the playground", async () => {
    const { page, gateway } = busy;
    await open("");
    expect(await busy.copied(button("Copy the request id"))).toBe(id);
    const command = await busy.copied(button("Copy as curl"));
    expect(command).toContain(`${gateway.url}/v1/messages`);
    expect(command).toContain("Over another upstream");
    await button("Open in the playground").click();
    await page.getByText(`Loaded from request ${id}`).waitFor();
    expect(busy.asked("from")).toBe(id);
    expect(await page.getByLabel("Text of message 1").inputValue()).toBe("/wps 0 Over another upstream");
    expect(await page.getByLabel("Endpoint").inputValue()).toBe("messages");
    expect(await page.getByLabel("Model", { exact: true }).inputValue()).toBe("assistant");
  });

  it("has a tab for each side of it, which the address keeps", async () => {
    const { page } = busy;
    await open("");
    const shown: Record<string, () => Promise<unknown>> = {
      Streams: () => streams().waitFor(),
      Request: () => page.getByRole("tab", { name: "From client" }).waitFor(),
      Response: () => page.getByRole("tab", { name: "As a reader sees it" }).waitFor(),
      Routing: () => page.getByRole("link", { name: "Explain this model now" }).waitFor(),
      Loss: () => page.getByText(/Nothing was lost|What was done/).first().waitFor(),
      Log: () => page.getByRole("list", { name: /^Lines of the gateway's log/ }).or(page.getByText("says nothing of this request")).first().waitFor(),
      Timeline: () => page.getByRole("columnheader", { name: "Took" }).waitFor(),
    };
    for (const [name, seen] of Object.entries(shown)) {
      await tab(name).click();
      await seen();
      expect(busy.asked("tab")).toBe(name.toLowerCase());
    }
  });

  it("shows its body at each stage, folded, whole and raw", async () => {
    const { page } = busy;
    await open("request");
    const { capture } = await detail();
    const tree = page.getByRole("tabpanel").last();
    await tree.getByText("Over another upstream", { exact: false }).waitFor();
    for (const summary of await tree.locator("summary", { hasText: /field|item/ }).all()) {
      await summary.click();
      expect(await summary.evaluate((each) => (each.parentElement as HTMLDetailsElement).open)).toBe(false);
      await summary.click();
    }
    await tree.locator("summary", { hasText: /^\d+ headers$/ }).click();
    await tree.getByText("anthropic-version").waitFor();
    await page.getByRole("switch", { name: "Raw" }).click();
    expect(await busy.copied(button("Copy"))).toBe(capture.request.body);
    await page.getByRole("switch", { name: "Raw" }).click();
    await tab("After rules").click();
    await page.getByText("The model assistant was asked for; echo was sent.").waitFor();
    for (const [at, attempt] of capture.attempts.entries()) {
      await tab(`To upstream ${at + 1}`).click();
      await page.getByRole("switch", { name: "Raw" }).click();
      expect(await busy.copied(button("Copy"))).toBe(attempt.request.body);
    }
    await tab("From client").click();
    await tree.getByText("anthropic-version").waitFor({ state: "attached" });
  });

  it("shows its answer as a reader sees it and as it came", async () => {
    const { page } = busy;
    await open("response");
    const { capture } = await detail();
    await page.getByText("Over another upstream", { exact: false }).first().waitFor();
    await tab("As the client got it").click();
    expect(await busy.copied(button("Copy").first())).toBe(capture.answer.body);
    await tab("As upstream 2 sent it").click();
    expect(await busy.copied(button("Copy").first())).toBe(capture.attempts[1]?.answer?.body);
    await tab("As upstream 1 sent it").click();
    await page.getByRole("tabpanel").last().getByText("Over another upstream").waitFor({ state: "detached" });
    await tab("As a reader sees it").click();
    const folds = page.getByRole("tabpanel").last().locator("summary");
    await folds.first().waitFor();
    await folds.first().click();
    expect(await folds.first().evaluate((each) => (each.parentElement as HTMLDetailsElement).open)).toBe(false);
  });

  it("leads to what would be done with its model now", async () => {
    const { page } = busy;
    await open("routing");
    await page.getByRole("link", { name: "Explain this model now" }).click();
    await page.getByRole("heading", { level: 1, name: "Routing" }).waitFor();
    expect(busy.asked("model")).toBe("assistant");
    expect(busy.asked("format")).toBe("messages");
    await page.getByText("Attempt plan").waitFor();
  });

  it("shows its streams as the switches say", async () => {
    const { page } = busy;
    await open("streams");
    await rows().first().waitFor();
    const flip = (name: string) => page.getByRole("switch", { name, exact: true }).click();
    const texts = () => rows().evaluateAll((all) => all.map((each) => each.textContent).join("\n"));
    const plain = await texts();
    await flip("Pretty");
    expect(await texts()).toContain('"type": ');
    expect(plain).not.toContain('"type": ');
    expect(await page.getByRole("switch", { name: "Borders" }).isDisabled()).toBe(true);
    await flip("Pretty");

    const height = () => rows().evaluateAll((all) => Math.max(...all.map((each) => each.getBoundingClientRect().height)));
    const single = await height();
    await flip("Wrap");
    await expect.poll(height).toBeGreaterThan(single);
    await flip("Wrap");
    await expect.poll(height).toBe(single);

    expect(plain).not.toContain("⏎");
    await flip("Borders");
    expect(await texts()).toContain("⏎");
    await flip("Borders");

    const rooms = () => streams().locator("[data-at] > [aria-hidden][style*=height]").count();
    expect(await rooms()).toBe(0);
    await flip("Real time");
    await expect.poll(rooms).toBeGreaterThan(0);
    await flip("Real time");

    const idle = (await texts()).includes("keepalive") || (await texts()).includes("ping");
    const before = Number(await streams().getAttribute("aria-rowcount"));
    await flip("Hide keepalives");
    const after = Number(await streams().getAttribute("aria-rowcount"));
    expect(await texts()).not.toContain("keepalive");
    if (idle) expect(after).toBeLessThan(before);
    else expect(after).toBe(before);
  });

  it("is searched on both sides, and played back", async () => {
    const { page } = busy;
    await open("streams");
    await rows().first().waitFor();
    const search = page.getByRole("searchbox", { name: "Search in both streams" });
    await search.fill("delta");
    const said = async () => /^(–|\d+) of (\d+)$/.exec((await page.getByRole("group", { name: "How the streams are shown" }).getByRole("status").textContent()) ?? "");
    const hits = Number((await said())?.[2]);
    expect(hits).toBeGreaterThan(1);
    expect(await streams().locator("mark").count()).toBeGreaterThan(0);
    await button("Next match").click();
    const first = Number((await said())?.[1]);
    await button("Next match").click();
    expect(Number((await said())?.[1])).toBe((first % hits) + 1);
    await button("Previous match").click();
    expect(Number((await said())?.[1])).toBe(first);
    await search.fill("");

    const count = async () => Number(await streams().getAttribute("aria-rowcount")) - 1;
    const all = await count();
    await button("One step on").click();
    expect(await count()).toBe(1);
    await button("One step on").click();
    expect(await count()).toBe(2);
    await button("Show all").click();
    expect(await count()).toBe(all);
    await page.getByRole("combobox", { name: "Speed" }).selectOption("4");
    await button("Play back").click();
    // It begins anew, and comes to its end.
    await page.getByText(new RegExp(`^${all} of ${all} rows$`)).or(button("Play back").and(page.locator(":not([disabled])"))).first().waitFor();
    await expect.poll(count).toBe(all);

    await rows().first().focus();
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(() => document.activeElement?.getAttribute("data-at") === "1");
  });

  it("gives its streams away: copied, as files, as a test case", async () => {
    const { page } = busy;
    await open("streams");
    await rows().first().waitFor();
    const { capture } = await detail();
    const upstream = capture.attempts[1]?.answer?.body ?? "";
    const item = (name: string) => page.getByRole("menuitem", { name, exact: true });
    const take = () => button("Take away").click();
    await take();
    expect((await busy.copied(item("Copy the upstream side"))).trim()).toBe(upstream.trim());
    await take();
    expect((await busy.copied(item("Copy the client side"))).trim()).toBe(capture.answer.body.trim());
    await take();
    const theirs = await busy.saved(item("Save the upstream side (.sse)"));
    expect(theirs).toEqual({ name: `${id}.upstream.sse`, text: upstream });
    await take();
    const ours = await busy.saved(item("Save the client side (.sse)"));
    expect(ours).toEqual({ name: `${id}.client.sse`, text: capture.answer.body });
    await take();
    const saved = await busy.saved(item("Save as a test case (.json)"));
    expect(saved.name).toBe(`${id}.case.json`);
    expect(JSON.stringify(JSON.parse(saved.text))).toContain("message_start");
  });

  it("says that it is not there, asks again, and leads back to the list", async () => {
    const { page } = busy;
    await page.goto(`${busy.gateway.url}/dashboard/requests/00000000000000000000000000000000`);
    await page.getByText("is not in the log").waitFor();
    const again = page.waitForResponse((answer) => answer.url().includes("/logs/0000"));
    await button("Try again").click();
    expect((await again).status()).toBe(404);
    await page.getByRole("link", { name: "All requests" }).click();
    await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
    // The browser itself reports what is not found.
    await expect.poll(() => busy.errors.splice(0).filter((error) => !error.includes("404"))).toEqual([]);
  });
});
