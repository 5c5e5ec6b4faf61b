/** The list of requests as a person has it, and as the gateway keeps it. */
import type { BrowserContext, Page } from "playwright-core";

import type { Gateway } from "./gateway";

/** The rows of the table that are in the document, with its head. */
export function rowElements(page: Page): Promise<number> {
  return page.locator("main [role=row]").count();
}

/** The ids of all finished requests in the list, from its top to its end. Buttons between them that say `pressed` are pressed. */
export async function listedIds(page: Page, pressed = ""): Promise<string[]> {
  // A tab behind another is hardly ever painted.
  await page.bringToFront();
  // A turn of the wheel at a time, as long as there is more: only what is in view is in the document.
  return page.evaluate(async (pressed) => {
    const scroller = document.querySelector("main [role=table]")!.parentElement!;
    const painted = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const found = new Map<number, string>();
    scroller.scrollTop = 0;
    for (;;) {
      await painted();
      for (const button of scroller.querySelectorAll("button")) if (button.textContent === pressed) button.click();
      for (const row of scroller.querySelectorAll("[role=row][data-key]")) {
        // One in progress cannot be picked for comparing.
        const id = row.querySelector("input[type=checkbox]") === null ? undefined : row.querySelector("[role=cell]:last-child code")?.textContent;
        if (id !== undefined) found.set(Number(row.getAttribute("aria-rowindex")), id);
      }
      const end = scroller.scrollHeight - scroller.clientHeight;
      if (scroller.scrollTop >= end - 1) break;
      scroller.scrollTop = Math.min(end, scroller.scrollTop + scroller.clientHeight / 2);
    }
    scroller.scrollTop = 0;
    await painted();
    return [...found].sort(([a], [b]) => a - b).map(([, id]) => id);
  }, pressed);
}

/** The ids of the log, newest first; asked with the session of the browser. */
export async function loggedIds(context: BrowserContext, gateway: Gateway): Promise<string[]> {
  const ids: string[] = [];
  let before: number | null = null;
  do {
    const at: string = before === null ? "" : `&before=${before}`;
    const answer = await context.request.get(`${gateway.url}/api/dashboard/logs?limit=200${at}`);
    if (!answer.ok()) throw new Error(`the log was answered ${answer.status()}`);
    const page = (await answer.json()) as { items: { request_id: string }[]; before: number | null };
    ids.push(...page.items.map((item) => item.request_id));
    before = page.before;
  } while (before !== null);
  return ids;
}
