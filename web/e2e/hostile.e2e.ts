/** Markup from models, vendors, clients and the configuration is text on every page that shows it. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Browser, noBrowser, openBrowser } from "./browser";
import { type Gateway, startGateway } from "./gateway";
import { PAGES, settled, show, signIn } from "./pages";
import { ask, CLIENT_KEY } from "./traffic";
import { evil, evilName, MODELS, startVendor, type Vendor } from "./vendor";

const quoted = (text: string) => JSON.stringify(text); // YAML takes what JSON writes

const KEY = evilName("key");
const PROVIDER = evilName("provider");
const ALIAS = evilName("alias");

const config = (vendor: string) => `# ${evil("comment")}
host: 127.0.0.1
echo: on
dashboard: {enabled: true}
capture: {enabled: true}
retry: {max-retries: 0}
api-keys:
  - {name: ${quoted(KEY)}, key: ${CLIENT_KEY}}
openai-compatibility:
  - name: ${quoted(PROVIDER)}
    api-key: sk-upstream-of-the-tests
    base-url: ${vendor}
    models:
      - {id: ${quoted(MODELS.talk)}, alias: ${quoted(ALIAS)}}
${Object.values(MODELS)
  .map((id) => `      - {id: ${quoted(id)}}`)
  .join("\n")}
model-rewrites:
  - {from: ${quoted(evilName("rewritten"))}, to: ${quoted(ALIAS)}}
payload:
  default:
    - models: [{name: ${quoted(MODELS.talk)}}]
      params: {user: ${quoted(evil("payload-value"))}}
`;

/** A request of a client that means harm too. */
const asked = (model: string) => ({
  model,
  stream: true,
  messages: [
    { role: "system", content: evil("system") },
    {
      role: "user",
      content: [
        { type: "text", text: evil("question") },
        { type: "image_url", image_url: { url: `data:image/svg+xml;base64,${Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="window.__pwned=1"/>`).toString("base64")}` } },
      ],
    },
  ],
  tools: [{ type: "function", function: { name: "tool", description: evil("tool"), parameters: { type: "object", properties: { [evilName("parameter")]: { type: "string", description: evil("parameter-text") } } } } }],
});

const PARAMETERS = ["q", "id", "tab", "model", "find", "from", "range", "compare", "add", "edit", "ask", "as", "format", "key", "only", "open", "sort", "order", "by", "p", "level", "logger", "request", "wrap", "client", "at", "line", "source"];

const TALK = "req-hostile-talk";
const BROKEN = "req-hostile-broken";

type Seen = { __pwned?: unknown; __elements: string[] };

describe.skipIf(noBrowser)("markup of strangers", () => {
  let vendor: Vendor;
  let gateway: Gateway;
  let browser: Browser;
  let page: Page;
  const fetched: string[] = [];

  /** Sends it; gives the status. */
  async function send(model: string, id: string): Promise<number> {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${CLIENT_KEY}`, "content-type": "application/json", "x-request-id": id, "x-client": evil("client-header"), "x-'`|!#$%&*+.^_~": "odd", "user-agent": evil("agent") },
      body: JSON.stringify(asked(model)),
    });
    await response.text().catch(() => "");
    return response.status;
  }

  beforeAll(async () => {
    vendor = await startVendor();
    gateway = await startGateway({ config: config(vendor.url) });
    expect(await send(ALIAS, TALK)).toBe(200);
    expect(await send(MODELS.refuse, "req-hostile-refuse")).toBe(400);
    expect(await send(MODELS.page, "req-hostile-page")).toBeGreaterThanOrEqual(500);
    await send(MODELS.broken, BROKEN);
    expect(await send(evilName("unknown"), "req-hostile-unknown")).toBe(404);
    await ask(gateway.url, { key: evilName("wrong-key") });
    browser = await openBrowser();
    page = browser.page;
    await browser.context.addInitScript(() => {
      // Also what is there for a moment only.
      const seen = globalThis as unknown as Seen;
      seen.__elements = [];
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) {
          for (const node of addedNodes) {
            if (!(node instanceof Element)) continue;
            for (const element of [node, ...node.querySelectorAll("*")]) {
              if (element.matches("[data-evil], [onerror], [onload], iframe, object, embed, script:not([src])")) seen.__elements.push(element.outerHTML);
            }
          }
        }
      }).observe(document, { childList: true, subtree: true });
    });
    page.on("request", (request) => fetched.push(request.url()));
    await signIn(browser, gateway);
  });
  afterAll(async () => {
    await browser.close();
    await gateway.remove();
    await vendor.close();
  });

  /** All of it is to be read, and has become nothing else. */
  async function harmless(texts: readonly string[]): Promise<void> {
    for (const text of texts) await page.getByText(text).first().waitFor();
    const { __pwned, __elements } = await page.evaluate(() => {
      const { __pwned, __elements } = globalThis as unknown as Seen;
      return { __pwned, __elements };
    });
    expect(__pwned).toBeUndefined();
    expect(__elements).toEqual([]);
    expect(fetched.filter((url) => new URL(url).pathname === "/stolen" || (!url.startsWith(gateway.url) && !url.startsWith("data:")))).toEqual([]);
    expect(browser.errors).toEqual([]);
  }

  /** Opens what is folded away; what is in there may be made only then. */
  async function unfold(): Promise<void> {
    const closed = page.locator("details:not([open])");
    while ((await closed.count()) > 0) {
      await closed.evaluateAll((parts) => {
        for (const part of parts) (part as HTMLDetailsElement).open = true;
      });
    }
  }

  it("comes under a policy that lets nothing of it run", async () => {
    const response = await fetch(`${gateway.url}/dashboard/requests`);
    const policy: Record<string, string | undefined> = Object.fromEntries((response.headers.get("content-security-policy") ?? "").split(";").map((part) => part.trim().split(/ (.*)/s, 2) as [string, string]));
    const html = await response.text();
    expect(policy["default-src"]).toBe("'self'");
    expect(policy["script-src"] ?? policy["default-src"]).toBe("'self'");
    expect(policy["style-src"]).toMatch(/^'self' 'nonce-[\w-]{20,}'$/);
    expect(policy["img-src"]).toBe("'self' data:");
    for (const [name, value] of Object.entries({ "object-src": "'none'", "base-uri": "'none'", "form-action": "'self'", "frame-ancestors": "'none'" })) expect(policy[name]).toBe(value);
    expect(Object.values(policy).join(" ")).not.toMatch(/unsafe|\*|https?:/);
    const again = (await fetch(`${gateway.url}/dashboard/requests`)).headers.get("content-security-policy");
    expect(again).not.toBe(response.headers.get("content-security-policy"));
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("is text in the list of requests, and in its filter", async () => {
    await show(page, gateway, "/requests?range=1h");
    await harmless([ALIAS, MODELS.refuse, evilName("unknown"), PROVIDER, KEY]);
    await page.keyboard.press("/");
    await page.keyboard.type("model:");
    await page.waitForFunction((name) => [...document.querySelectorAll("datalist option")].some((option) => option.getAttribute("value")?.includes(name)), ALIAS);
    await harmless([]);
    await page.keyboard.type(`"${ALIAS}"`);
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=/);
    await harmless([ALIAS]);
    await show(page, gateway, `/requests?range=1h&q=${encodeURIComponent(evil("query"))}`);
    await harmless([]);
  });

  it.each([
    ["timeline", [PROVIDER, ALIAS, KEY, evil("agent")]],
    ["streams", [evil("answer"), evil("reasoning"), evilName("call-name")]],
    ["request", [evil("system"), evil("question"), evil("tool"), evilName("parameter"), evil("parameter-text")]],
    ["response", [evil("answer"), evil("reasoning"), evilName("call-name"), evilName("argument"), evil("argument-value"), evilName("call-id")]],
    ["routing", [PROVIDER, ALIAS]],
    ["loss", []],
    ["log", []],
  ] as const)("is text in the %s of a request, in the drawer and on its page", async (tab, texts) => {
    for (const path of [`/requests?range=1h&id=${TALK}&tab=${tab}`, `/requests/${TALK}?tab=${tab}`]) {
      await show(page, gateway, path);
      await page.getByRole("tab", { selected: true }).first().waitFor();
      await unfold();
      await harmless(texts);
      // All that is behind tabs of its own.
      const inner = page.getByRole("tabpanel").first().getByRole("tab");
      for (const each of await inner.all()) {
        await each.click();
        await unfold();
        await harmless([]);
      }
    }
  });

  it("is text in headers", async () => {
    await show(page, gateway, `/requests/${TALK}?tab=request`);
    await page.locator("details summary").filter({ hasText: /headers/ }).first().click();
    await harmless([evil("client-header"), "x-'`|!#$%&*+.^_~"]);
    await show(page, gateway, `/requests/${TALK}?tab=response`);
    await page.getByRole("tab", { name: /upstream/i }).click();
    await page.locator("details summary").filter({ hasText: /headers/ }).first().click();
    await harmless([evil("upstream-header"), "x-'`|!#$%&*+.^_~"]);
  });

  it.each([
    ["refuse", evil("error-message")],
    ["page", evil("error-page")],
    ["broken", evil("stream-error")],
  ])("is text in the answer of a request that failed (%s)", async (name, text) => {
    await show(page, gateway, `/requests/req-hostile-${name}?tab=response`);
    await page.getByRole("tab", { name: /upstream/i }).click();
    await harmless([text]);
    await show(page, gateway, `/requests/req-hostile-${name}?tab=log`);
    await harmless([]);
  });

  it("is text on the overview, among the errors and the providers", async () => {
    await show(page, gateway, "/?range=1h");
    await page.getByRole("region", { name: "Last errors" }).getByText(MODELS.refuse).first().waitFor();
    await harmless([PROVIDER]);
  });

  it.each([["model", ALIAS], ["served_model", MODELS.talk], ["credential", PROVIDER], ["key", KEY]])("is text in the metrics by %s", async (by, text) => {
    await show(page, gateway, `/metrics?range=1h&by=${by}`);
    await page.getByRole("region", { name: "In numbers" }).getByText(text).first().waitFor();
    await harmless([text]);
  });

  it("is text in the playground's answer", async () => {
    await show(page, gateway, `/playground?model=${encodeURIComponent(ALIAS)}`);
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByRole("link", { name: "Open the request" }).waitFor();
    await harmless([evil("answer"), evil("reasoning"), evilName("call-name"), evil("argument-value")]);
    await show(page, gateway, `/playground?from=${TALK}`);
    await harmless([]);
  });

  it("is text among the models, the keys and the providers", async () => {
    await show(page, gateway, `/models?ask=${encodeURIComponent(evilName("rewritten"))}`);
    await page.getByText("chosen", { exact: true }).first().waitFor();
    await harmless([ALIAS, PROVIDER, evilName("rewritten")]);
    await page.getByRole("row").filter({ hasText: ALIAS }).first().click();
    await page.getByRole("dialog").getByText(ALIAS).first().waitFor();
    await harmless([]);

    await show(page, gateway, "/keys");
    await page.getByRole("link", { name: KEY }).click();
    await page.getByRole("dialog").getByText(KEY).first().waitFor();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog", { name: /^Delete key/ }).getByText(KEY).first().waitFor();
    await harmless([]);

    await show(page, gateway, "/providers");
    await page.getByRole("link", { name: PROVIDER }).click();
    await page.getByRole("dialog").getByText(PROVIDER).first().waitFor();
    await settled(page);
    await harmless([]);
    await page.getByRole("button", { name: "Edit" }).click();
    await unfold();
    await page.getByRole("button", { name: "Fetch models" }).click();
    await page.getByRole("checkbox", { name: MODELS.broken }).waitFor();
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByRole("dialog").getByText(/answered|refused|failed/).first().waitFor();
    await harmless([]);
  });

  it("is text in the routing test and its rules", async () => {
    await show(page, gateway, `/routing?model=${encodeURIComponent(evilName("rewritten"))}`);
    await page.getByRole("region", { name: "Route" }).getByText("chosen").waitFor();
    await harmless([PROVIDER, MODELS.talk]);
    expect(await page.getByRole("textbox", { name: "Requested name of rewrite 1" }).inputValue()).toBe(evilName("rewritten"));
    await show(page, gateway, `/routing?model=${encodeURIComponent(evil("nowhere"))}`);
    await harmless([]);
  });

  it("is text in the editor and in what is in force", async () => {
    await show(page, gateway, "/config");
    await harmless([evil("comment")]);
    await show(page, gateway, "/config?tab=effective");
    await harmless([KEY]);
  });

  it("is text in the log, and in the palette", async () => {
    await show(page, gateway, `/logs?q=${encodeURIComponent(evil("query"))}`);
    await harmless([]);
    await show(page, gateway, "/logs");
    await harmless([]);
    await page.keyboard.press("Control+k");
    await page.keyboard.insertText(evilName("provider"));
    await page.getByRole("option", { name: PROVIDER }).first().waitFor();
    await harmless([PROVIDER]);
  });

  it("is text in addresses", async () => {
    const junk = encodeURIComponent(evil("address"));
    // In every parameter that some page takes; none of them loses its content by that.
    const search = PARAMETERS.map((name) => `${name}=${junk}`).join("&");
    for (const path of [...PAGES.map((each) => `${each}?${search}#${junk}`), "/requests/<b data-evil=address>", "/<b data-evil=address>"]) {
      await show(page, gateway, path);
      // Chromium itself tells of what is not there.
      browser.errors.splice(0, browser.errors.length, ...browser.errors.filter((error) => !/\(Not Found\)|\(Unprocessable/.test(error)));
      await harmless(path.startsWith("/requests/") ? ["<b data-evil=address>"] : []);
    }
  });

  it("made nobody fetch anything from the vendor but what was asked of it", () => {
    expect(new Set(vendor.asked.map((path) => new URL(path, vendor.url).pathname))).toEqual(new Set(["/v1/chat/completions", "/v1/models"]));
  });
});
