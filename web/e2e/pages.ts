/** Every page, for what is done on all of them. */
import type { Page } from "playwright-core";

import type { Browser } from "./browser";
import type { Gateway } from "./gateway";

export const PAGES = ["/", "/metrics", "/requests", "/playground", "/providers", "/models", "/keys", "/routing", "/config", "/logs", "/system"] as const;

export function pageName(path: string): string {
  return path === "/" ? "overview" : path.slice(1);
}

export async function signIn({ page }: Pick<Browser, "page">, gateway: Gateway): Promise<void> {
  await page.goto(gateway.link());
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
}

/** Goes there and waits until nothing is loading any more. */
export async function show(page: Page, gateway: Gateway, path: string): Promise<void> {
  await page.goto(`${gateway.url}/dashboard${path}`);
  await settled(page);
}

export async function settled(page: Page): Promise<void> {
  await page.locator("main").locator("h2, p, [role=status], [role=row]").filter({ visible: true }).first().waitFor();
  await page.waitForLoadState("networkidle");
  await loaded(page);
}

/** There is something to see, and nothing stands for what is still to come. */
export async function loaded(page: Page): Promise<void> {
  await page.locator("main h2, main p, main [role=status], main [role=search], main [role=table]").first().waitFor();
  await page.waitForFunction(() => document.querySelector("main [aria-label='Loading rows'], main [aria-label='Loading']") === null);
}
