/** What is around every page: sidebar, header, menus, palette, banner. */
import { readFileSync, writeFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { noBrowser, openBrowser } from "./browser";
import { useBusy } from "./busy";
import { passwordHash, startGateway } from "./gateway";
import { signIn } from "./pages";
import { ask } from "./traffic";

const PAGES: Record<string, string> = {
  Overview: "/",
  Metrics: "/metrics",
  Requests: "/requests",
  Playground: "/playground",
  Providers: "/providers",
  Models: "/models",
  Keys: "/keys",
  Routing: "/routing",
  Config: "/config",
  Logs: "/logs",
  System: "/system",
};

describe.skipIf(noBrowser)("around the page", () => {
  const busy = useBusy();

  const path = () => new URL(busy.page.url()).pathname.replace("/dashboard", "");
  const look = (name: string) => busy.page.evaluate((each) => document.documentElement.dataset[each] ?? null, name);
  const heading = (name: string) => busy.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  const button = (name: string | RegExp) => busy.page.getByRole("button", { name, exact: true });

  it("leads to each page by the sidebar, and back to the overview by the name", async () => {
    const { page } = busy;
    await busy.show("/");
    const nav = page.getByRole("navigation", { name: "Pages" });
    for (const [name, at] of Object.entries(PAGES)) {
      await nav.getByRole("link", { name: new RegExp(`^${name}`) }).click();
      await heading(name);
      expect(path()).toBe(at);
      expect(await nav.locator("li [aria-current=page]").allTextContents()).toEqual([expect.stringMatching(new RegExp(`^${name}`)) as string]);
    }
    await nav.getByRole("link", { name: "aigw" }).click();
    await heading("Overview");
    await page.getByRole("link", { name: "Skip to the page" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("page");
  });

  it("has the pages behind a menu button on a small screen", async () => {
    const { page } = busy;
    await page.setViewportSize({ width: 390, height: 844 });
    await busy.show("/");
    await button("Open menu").click();
    await page.getByRole("dialog", { name: "Pages" }).getByRole("link", { name: "Models" }).click();
    await heading("Models");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.setViewportSize({ width: 1400, height: 900 });
  });

  it("says that there is no such page, and leads on", async () => {
    const { page } = busy;
    await busy.show("/nowhere");
    await page.getByText("No such page").first().waitFor();
    await page.getByRole("link", { name: "Go to the overview" }).click();
    await heading("Overview");
  });

  it("changes the time range: by its list, its own times and its keys", async () => {
    const { page } = busy;
    await busy.show("/requests");
    for (const [name, written] of [["Last 5 min", "5m"], ["Last 15 min", null], ["Last hour", "1h"], ["Last 6 hours", "6h"], ["Last 24 hours", "24h"], ["Last 7 days", "7d"]] as const) {
      await button(/^Time range/).click();
      await button(name).click();
      await button(`Time range: ${name}`).waitFor();
      // What one has chosen stands in the address, also when it is the usual one.
      expect([written, "15m"]).toContain(busy.asked("range"));
    }
    await page.getByText(/^1[67] requests,/).waitFor();

    await button(/^Time range/).click();
    await page.getByLabel("From").fill("2024-05-01T10:00:00");
    await page.getByLabel("To", { exact: true }).fill("2024-05-01T09:00:00");
    await button("Show").click();
    await page.getByText("“From” must be before “To”.").waitFor();
    await page.getByLabel("To", { exact: true }).fill("2024-05-01T12:00:00");
    await button("Show").click();
    await page.getByText("No requests in this range").waitFor();
    const [from, to] = (busy.asked("range") ?? "").split("-").map(Number);
    expect((to ?? 0) - (from ?? 0)).toBe(7_200_000);

    await busy.show("/requests?range=1h");
    await button("Time range: Last hour").waitFor();
    await page.keyboard.press("]");
    await button("Time range: Last 6 hours").waitFor();
    await page.keyboard.press("[");
    await button("Time range: Last hour").waitFor();
  });

  it("holds what comes while paused, and shows it when it goes on", async () => {
    const { page, gateway } = busy;
    await busy.show("/requests?range=1h");
    const rows = page.locator("main [role=row][data-key]");
    await rows.first().waitFor();
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor();
    const before = await rows.count();
    await button("Pause").click();
    await page.getByRole("status").filter({ hasText: /^paused/ }).waitFor();
    await ask(gateway.url, { text: "/wps 0 While paused" });
    await page.getByText("paused, 1 waiting").waitFor();
    expect(await rows.count()).toBe(before);
    await button("Go on").click();
    await page.getByRole("status").filter({ hasText: /^live$/ }).waitFor();
    await expect.poll(() => rows.count()).toBe(before + 1);
    await page.keyboard.press("p");
    await button("Go on").waitFor();
    await page.keyboard.press("p");
    await button("Pause").waitFor();
  });

  it("is light or dark as chosen, and stays so", async () => {
    const { page } = busy;
    await busy.show("/");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await button(/^Theme/).click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    expect(await look("theme")).toBe("dark");
    expect(await ground()).not.toBe(light);
    await page.reload();
    await heading("Overview");
    expect(await look("theme")).toBe("dark");
    await button("Theme: Dark").click();
    await page.getByRole("menuitemradio", { name: "Light" }).click();
    expect(await look("theme")).toBe("light");
    await page.getByRole("menuitemradio", { name: "As the system" }).click();
    expect(await look("theme")).toBe(null);
    await page.keyboard.press("Escape");
  });

  it("has rows as high as chosen, and keys of one letter on demand", async () => {
    const { page } = busy;
    await busy.show("/requests?range=1h");
    const height = async () => (await page.locator("main [role=row][data-key]").first().boundingBox())?.height;
    expect(await height()).toBe(36);
    await button("Account and preferences").click();
    await page.getByRole("menuitemradio", { name: "Compact" }).click();
    expect(await look("density")).toBe("compact");
    await expect.poll(height).toBe(28);
    await page.getByRole("menuitemradio", { name: "Comfortable" }).click();
    await expect.poll(height).toBe(36);

    await page.getByRole("menuitemcheckbox", { name: "Single-letter shortcuts" }).click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await button("Account and preferences").click();
    await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
    await page.getByText("Single-letter keys are switched off in this browser.").waitFor();
    await button("Close").click();
    await button("Account and preferences").click();
    await page.getByRole("menuitemcheckbox", { name: "Single-letter shortcuts" }).click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await button("Close").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  /** Opens the palette, types, and takes what stands first. */
  async function find(typed: string, option: string | RegExp): Promise<void> {
    const { page } = busy;
    await button("Search").click();
    await page.getByRole("combobox", { name: "Command palette" }).fill(typed);
    await page.getByRole("option", { name: option }).first().click();
    await page.getByRole("dialog", { name: "Command palette" }).waitFor({ state: "detached" });
  }

  it("goes by the palette to pages, providers, models and requests", async () => {
    const { page } = busy;
    await busy.show("/");
    for (const [name, at] of Object.entries(PAGES)) {
      await find(name, new RegExp(`^${name}`));
      await heading(name);
      expect(path()).toBe(at);
    }
    await find("other", /^other$/);
    await page.getByRole("dialog", { name: "other" }).waitFor();
    await page.keyboard.press("Escape");
    await find("sonnet", /^sonnet$/);
    await heading("Models");
    expect(busy.asked("ask")).toBe("sonnet");
    await page.getByText("If “sonnet” cannot be answered", { exact: false }).waitFor();

    await find("overloaded", "Search requests for “overloaded”");
    await heading("Requests");
    expect(busy.asked("q")).toBe("overloaded");
    const { items } = await busy.api<{ items: { request_id: string }[] }>("/logs?limit=1");
    const id = items[0]?.request_id ?? "";
    await find(id, `Open request ${id}`);
    await heading("Request");
    expect(path()).toBe(`/requests/${id}`);
    await button("Search").click();
    await page.getByRole("combobox", { name: "Command palette" }).fill("zq");
    await page.getByText("Nothing is called “zq”.").waitFor();
    await page.keyboard.press("Escape");
  });

  it("does by the palette what the header does", async () => {
    const { page } = busy;
    await busy.show("/requests");
    await find("light", "Switch between light and dark");
    expect(await look("theme")).toBe("dark");
    await find("light", "Switch between light and dark");
    expect(await look("theme")).toBe("light");
    await find("height", "Switch row height");
    expect(await look("density")).toBe("compact");
    await find("height", "Switch row height");
    expect(await look("density")).toBe("comfortable");
    await find("pause", /^Pause or resume live data/);
    await button("Go on").waitFor();
    await find("pause", /^Pause or resume live data/);
    await button("Pause").waitFor();
    await find("shortcuts", /^Show keyboard shortcuts/);
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
  });
});

const OWN = (hash: string) => `# Ours.
host: 127.0.0.1
allow-anonymous: true
dashboard: {enabled: true, username: ann, password-hash: "${hash}"}
`;

describe.skipIf(noBrowser)("with a password", () => {
  it("signs out by menu and palette, and in again by the form", async () => {
    const gateway = await startGateway({ config: OWN(passwordHash("correct horse")) });
    const { page, close } = await openBrowser();
    const signOut = async (press: () => Promise<void>) => {
      await page.getByRole("heading", { level: 1, name: "Keys" }).waitFor();
      await press();
      await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
      expect((await page.request.get(`${gateway.url}/api/dashboard/auth-keys`)).status()).toBe(401);
    };
    const fill = async (password: string) => {
      await page.getByLabel("User name").fill("ann");
      await page.getByLabel("Password", { exact: true }).fill(password);
    };
    await page.goto(`${gateway.url}/dashboard/keys`);
    await fill("wrong");
    await page.getByRole("button", { name: "Show password" }).click();
    expect(await page.getByLabel("Password", { exact: true }).getAttribute("type")).toBe("text");
    await page.getByRole("button", { name: "Hide password" }).click();
    expect(await page.getByLabel("Password", { exact: true }).getAttribute("type")).toBe("password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText(/attempt/).waitFor();
    await fill("correct horse");
    await page.getByRole("button", { name: "Sign in" }).click();
    await signOut(async () => {
      await page.getByRole("button", { name: "Account and preferences" }).click();
      await page.getByText("Signed in as ann").waitFor();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
    });
    await page.goto(`${gateway.url}/dashboard/keys`);
    await fill("correct horse");
    await page.keyboard.press("Enter");
    await signOut(async () => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Command palette" }).fill("sign out");
      await page.getByRole("option", { name: "Sign out", exact: true }).click();
    });
    await close();
    await gateway.remove();
  });
});

describe.skipIf(noBrowser)("the banner", () => {
  it("leads to what mends it: no provider, an open gateway, a restart, an invalid file", async () => {
    const bare = await startGateway();
    const first = await openBrowser();
    await signIn(first, bare);
    await first.page.getByRole("link", { name: "System", exact: true }).click();
    await first.page.getByText("No provider is configured.", { exact: false }).waitFor();
    await first.page.getByRole("link", { name: "Add a provider" }).click();
    await first.page.getByRole("dialog", { name: "Add a provider" }).waitFor();
    await first.close();
    await bare.remove();

    const gateway = await startGateway({ config: "# Ours.\nhost: 127.0.0.1\nallow-anonymous: true\ndashboard: {enabled: true}\n" });
    const browser = await openBrowser();
    const { page } = browser;
    await signIn(browser, gateway);
    await page.getByText("The gateway is open", { exact: false }).waitFor();
    await page.getByRole("link", { name: "Create a key" }).click();
    await page.getByRole("dialog", { name: /key/i }).waitFor();
    await page.keyboard.press("Escape");

    const text = readFileSync(gateway.file, "utf8");
    writeFileSync(gateway.file, `${text.replace("allow-anonymous: true", "allow-anonymous: false")}api-keys: [sk-of-the-banner-test-00]\n\nlog:\n  level: debug\n`);
    await page.getByText("values that need a restart: log", { exact: false }).waitFor();
    await page.getByRole("link", { name: "Show them" }).click();
    await page.locator(".cm-activeLine", { hasText: /^log:|level: debug/ }).waitFor();

    await page.getByRole("link", { name: "System", exact: true }).click();
    writeFileSync(gateway.file, `${text}nonsense: 1\n`);
    await page.getByText(/invalid and not in force/).waitFor();
    await page.getByRole("link", { name: "Show the line" }).click();
    await page.locator(".cm-activeLine", { hasText: "nonsense" }).waitFor();
    await browser.close();
    await gateway.remove();
  });
});
