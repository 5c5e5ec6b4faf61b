/** The installed Chromium, and pages that report what went wrong in them. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type BrowserContext, chromium, type Page } from "playwright-core";

export const CHROMIUM = process.env.AIGW_CHROMIUM ?? "/usr/bin/chromium";

/** For `describe.skipIf`: end to end tests need the browser. */
export const noBrowser = !existsSync(CHROMIUM);

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export type Look = { width?: number; height?: number; dark?: boolean };

export type Browser = {
  context: BrowserContext;
  page: Page;
  /** Errors of the console and of scripts; a good run has none. */
  errors: string[];
  close: () => Promise<void>;
};

export async function openBrowser({ width = 1400, height = 900, dark = false }: Look = {}): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "aigw-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: FLAGS,
    headless: true,
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const errors: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => errors.push(error.error().stack ?? error.error().message));
  const page = context.pages()[0] ?? (await context.newPage());
  return {
    context,
    page,
    errors,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export type Violation = { id: string; help: string; nodes: string[] };

/** What axe says of the page, by WCAG 2.0 to 2.2, levels A and AA. */
export async function accessibility(page: Page): Promise<Violation[]> {
  // Evaluated by the debugger: the page's policy has no say in that.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(readFileSync(AXE, "utf8"));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: (root: Document, options: object) => Promise<{ violations: { id: string; help: string; nodes: { target: unknown[] }[] }[] }> };
    };
    const result = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return result.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.target.join(" ")) }));
  });
}
