/** Every control of the playground, by what is sent because of it. */
import { describe, expect, it } from "vitest";

import { noBrowser } from "./browser";
import { useBusy } from "./busy";

type Body = Record<string, unknown> & { messages?: { role: string; content: unknown }[] };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe.skipIf(noBrowser)("the playground", () => {
  const busy = useBusy();

  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });
  const field = (name: string) => busy.page.getByLabel(name, { exact: true });
  const json = () => field("The request as JSON");

  /** The request as it would be sent now. */
  async function body(): Promise<Body> {
    const { page } = busy;
    await page.getByRole("tab", { name: "JSON" }).click();
    const text = await json().inputValue();
    await page.getByRole("tab", { name: "Form" }).click();
    return JSON.parse(text) as Body;
  }
  async function choose(opener: ReturnType<typeof button>, item: string | RegExp): Promise<void> {
    await opener.click();
    await busy.page.getByRole("menuitem", { name: item, exact: true }).click();
  }
  /** Sends what is there, and gives the request as the gateway has recorded it. */
  async function sent(): Promise<{ request: Body; entry: { status: number; format: string; stream: boolean; credential: string | null; endpoint: string } }> {
    const { page } = busy;
    await button("Send").click();
    const link = page.getByRole("link", { name: "Open the request" });
    await link.waitFor();
    const id = (await link.getAttribute("href"))?.split("/").at(-1) ?? "";
    const detail = await busy.api<{ entry: { status: number; format: string; stream: boolean; credential: string | null; endpoint: string }; capture: { request: { body: string } } }>(`/logs/${id}`);
    return { request: JSON.parse(detail.capture.request.body) as Body, entry: detail.entry };
  }

  it("sends what the form says, by each endpoint, as a stream or not, by the credential that is chosen", async () => {
    const { page } = busy;
    await busy.show("/playground");
    await field("Text of message 1").fill("/wps 0 Hello");
    for (const format of ["chat", "messages", "responses", "gemini"]) {
      await field("Endpoint").selectOption(format);
      const { entry } = await sent();
      expect(entry).toMatchObject({ status: 200, format, stream: true });
    }
    await field("Endpoint").selectOption("chat");
    await page.getByRole("switch", { name: "Stream", exact: true }).click();
    await field("Model").fill("assistant");
    await field("Credential").selectOption("other");
    const { request, entry } = await sent();
    expect(request).toMatchObject({ model: "assistant" });
    expect(entry).toMatchObject({ stream: false, credential: "other" });
    await page.getByRole("definition").filter({ hasText: "other" }).first().waitFor();
    await page.getByRole("link", { name: "Open the request" }).click();
    await page.getByRole("heading", { level: 1, name: "Request" }).waitFor();
  });

  it("has all fields of a request in what it sends", async () => {
    await busy.show("/playground");
    await field("Text of message 1").fill("/wps 0 Hello");
    await field("System").fill("Be brief.");
    await field("Max tokens").fill("50");
    await field("Temperature").fill("0.2");
    await field("Top p").fill("0.9");
    await field("Stop texts, one a line").fill("one\ntwo");
    const { request } = await sent();
    expect(request).toMatchObject({ messages: [{ role: "system", content: "Be brief." }, { role: "user" }], temperature: 0.2, top_p: 0.9, stop: ["one", "two"] });
    expect(Object.values(request)).toContain(50);
    await field("Max tokens").fill("");
    expect(Object.values(await body())).not.toContain(50);
    await button("Start anew").click();
    expect(await field("System").inputValue()).toBe("");
    expect(await field("Temperature").inputValue()).toBe("");
  });

  it("has messages that are added, moved, given to another, and taken away", async () => {
    await busy.show("/playground");
    await field("Text of message 1").fill("first");
    expect(await button("Remove message 1").isDisabled()).toBe(true);
    await button("Add a message").click();
    await field("Text of message 2").fill("second");
    expect(await field("Role of message 2").inputValue()).toBe("assistant");
    await button("Move message 2 up").click();
    expect(await field("Text of message 1").inputValue()).toBe("second");
    await button("Move message 1 down").click();
    expect(await field("Text of message 1").inputValue()).toBe("first");
    await field("Role of message 2").selectOption("user");
    expect((await body()).messages?.map(({ role, content }) => [role, content])).toEqual([["user", "first"], ["user", "second"]]);
    await button("Remove message 1").click();
    expect((await body()).messages?.map(({ content }) => content)).toEqual(["second"]);
  });

  it("has parts of all kinds in a message", async () => {
    const { page } = busy;
    await busy.show("/playground");
    await choose(button("Add a part"), "Image");
    await field("Image address").fill("https://example.org/cat.png");
    expect(JSON.stringify(await body())).toContain("https://example.org/cat.png");
    await page.getByLabel("Choose a file").setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") });
    await page.getByRole("img", { name: /^Image, \d+ B/ }).waitFor();
    expect(JSON.stringify(await body())).toContain(`data:image/png;base64,${PIXEL}`);
    await button("Remove this part").last().click();
    expect(JSON.stringify(await body())).not.toContain("data:image");
    await choose(button("Add a part"), "Text");
    expect(await field("Text of message 1").count()).toBe(2);
    await button("Remove this part").last().click();
    expect(await field("Text of message 1").count()).toBe(1);

    await button("Add a message").click();
    await choose(button("Add a part").last(), "Tool call");
    await field("Call id").fill("call_7");
    await field("Tool name").fill("weather");
    await field("Arguments (JSON)").fill('{"city": ');
    await page.getByText(/^This is no JSON yet/).waitFor();
    await field("Arguments (JSON)").fill('{"city": "Oslo"}');
    await button("Add a message").click();
    await choose(button("Add a part").last(), "Tool result");
    await field("Result").fill("Rain");
    const text = JSON.stringify(await body());
    for (const part of ["call_7", "weather", "Oslo", "Rain"]) expect(text).toContain(part);
  });

  it("has tools that are named, described, and taken away", async () => {
    await busy.show("/playground");
    await button("Add a tool").click();
    await field("Name").fill("clock");
    await field("Description").fill("Says the time");
    await field("Parameters (JSON Schema)").fill('{"type": "object", "properties": {"zone": {"type": "string"}}}');
    await field("Text of message 1").fill("/wps 0 What time is it?");
    const { request } = await sent();
    expect(request.tools).toEqual([{ type: "function", function: { name: "clock", description: "Says the time", parameters: { type: "object", properties: { zone: { type: "string" } } } } }]);
    await button("Remove tool clock").click();
    expect((await body()).tools).toBeUndefined();
  });

  it("is written as JSON as well, each following the other", async () => {
    const { page } = busy;
    await busy.show("/playground");
    await page.getByRole("tab", { name: "JSON" }).click();
    await json().fill('{"model": "echo", "messages": [{"role": "user", "content": "/wps 0 By JSON"}], "seed": 7}');
    expect(await button("Send").isDisabled()).toBe(false);
    const { request } = await sent();
    expect(request).toMatchObject({ seed: 7 });
    await page.getByRole("tab", { name: "Form" }).click();
    expect(await field("Text of message 1").inputValue()).toBe("/wps 0 By JSON");
    await page.getByText("Other fields, sent as they are: seed").waitFor();

    // What is no JSON cannot be sent; once it is gone, it is in nobody's way.
    await page.getByRole("tab", { name: "JSON" }).click();
    await json().fill("{");
    expect(await button("Send").isDisabled()).toBe(true);
    await page.getByRole("tab", { name: "Form" }).click();
    expect(await button("Send").isDisabled()).toBe(false);
    await page.getByRole("tab", { name: "JSON" }).click();
    expect(await button("Send").isDisabled()).toBe(false);
    await json().fill("{");
    await button("Start anew").click();
    expect(await button("Send").isDisabled()).toBe(false);
  });

  it("has examples that do what they are called", async () => {
    const { page } = busy;
    await busy.show("/playground");
    const outcomes: [RegExp, string, number][] = [
      [/^Plain text/, "echo", 200],
      [/^A tool call/, "echo-tools", 200],
      [/^Reasoning first/, "echo-reasoning", 200],
      [/^Refused with 429/, "echo-error-429", 429],
      [/^An error in midstream/, "echo-error-midstream", 200],
      [/^A cut connection/, "echo-cut", 200],
    ];
    for (const [name, model, status] of outcomes) {
      await choose(button("Examples"), name);
      expect(await field("Model").inputValue()).toBe(model);
      expect((await sent()).entry.status).toBe(status);
    }
    await choose(button("Examples"), /^A slow stream/);
    expect(await field("Model").inputValue()).toBe("echo-slow");
    await button("Send").click();
    await page.getByText("answering").waitFor();
    await button("Stop").click();
    await page.getByText(/^stopped after/).waitFor();
    await page.getByText(/^The gateway let go of the upstream after/).waitFor();
    await expect.poll(async () => (await busy.api<{ items: { model: string; client_left: boolean }[] }>("/logs?model=echo-slow")).items.map((item) => item.client_left)).toEqual([true]);
    // The browser itself reports the refusal, and what broke off.
    await expect.poll(() => busy.errors.splice(0).filter((error) => !/429|ERR_INCOMPLETE_CHUNKED|network error/i.test(error))).toEqual([]);
  });

  it("is copied as a command and as programs", async () => {
    const { page, gateway } = busy;
    await busy.show("/playground");
    await field("Text of message 1").fill("To be copied");
    for (const [language, says] of [["curl", "curl "], ["Python", "import"], ["JavaScript", "await"]] as const) {
      await button("Copy as").click();
      const code = await busy.copied(page.getByRole("menuitem", { name: language, exact: true }));
      for (const part of [says, gateway.url, "To be copied"]) expect(code).toContain(part);
    }
  });

  it("keeps what was sent in this browser, and forgets it when told to", async () => {
    const { page } = busy;
    await busy.show("/playground");
    await button(/^History/).click();
    if ((await button("Clear the history").count()) > 0) await button("Clear the history").click();
    await page.keyboard.press("Escape");
    await field("Text of message 1").fill("/wps 0 To be remembered");
    await sent();
    await field("Text of message 1").fill("Something else");
    await page.reload();
    await button("History (1)").click();
    await page.getByRole("button", { name: /^Load echo, / }).click();
    expect(await field("Text of message 1").inputValue()).toBe("/wps 0 To be remembered");
    await button("History (1)").click();
    await button("Clear the history").click();
    await page.getByText("Nothing was sent from this browser yet.").waitFor();
    await page.reload();
    await button("History (0)").waitFor();
  });

  it("shows both streams of the answer, with all that can be done with them", async () => {
    const { page } = busy;
    await busy.show("/playground");
    await field("Text of message 1").fill("/wps 0 Both streams");
    await sent();
    await button("Take away").waitFor();
    const table = page.getByRole("table", { name: "Both streams, row by row" });
    const texts = () => table.textContent();
    await page.getByRole("switch", { name: "Pretty" }).click();
    await expect.poll(texts).toContain('"object": ');
    await page.getByRole("switch", { name: "Pretty" }).click();
    await page.getByRole("switch", { name: "Borders" }).click();
    await expect.poll(texts).toContain("⏎");
    await page.getByRole("searchbox", { name: "Search in both streams" }).fill("streams");
    await button("Next match").click();
    await table.locator("mark").first().waitFor();
    await button("One step on").click();
    expect(await table.getAttribute("aria-rowcount")).toBe("2");
    await button("Show all").click();
    await button("Take away").click();
    expect((await busy.saved(page.getByRole("menuitem", { name: "Save the client side (.sse)" }))).text).toContain("data: [DONE]");
  });
});
