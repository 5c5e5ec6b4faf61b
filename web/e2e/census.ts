/** What a person can act on in a page, by role and accessible name. */
import type { Locator, Page } from "playwright-core";

const ROLES = "button|link|textbox|searchbox|combobox|spinbutton|slider|checkbox|radio|switch|tab|menuitemcheckbox|menuitemradio|menuitem";
const LINE = new RegExp(`^(\\s*)- '?(${ROLES}|option|listbox)(?=[ :]|$)(?: "((?:[^"\\\\]|\\\\.)*)")?`);

/**
 * Every control below `root`, each once: `button "Send"`, in the order in which they
 * stand. Besides those with a role of their own: what opens a `details`, rows and
 * handles that take the focus, and plots that can be dragged over.
 */
export async function controls(root: Locator): Promise<string[]> {
  const found: string[] = [];
  for (const each of await root.all()) {
    found.push(...named(await each.ariaSnapshot()), ...(await each.evaluate(others)));
  }
  return [...new Set(found)];
}

/** From the tree of roles and names, as playwright writes it. */
function named(tree: string): string[] {
  const found: string[] = [];
  let select = -1; // the indent of a select element, whose options are no controls
  for (const line of tree.split("\n")) {
    const indent = line.search(/\S/);
    if (indent <= select) select = -1;
    const match = LINE.exec(line.replaceAll("''", "'"));
    if (match === null) continue;
    const [, , role = "", name = ""] = match;
    if (role === "listbox" || (role === "option" && select >= 0)) continue;
    if (role === "combobox") select = indent;
    found.push(`${role} "${name.replaceAll('\\"', '"')}"`);
  }
  return found;
}

/** Runs in the page. */
function others(root: Element): string[] {
  const seen = (element: Element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector: string) => [...root.querySelectorAll(selector)].filter(seen);
  return [
    ...all("summary").map((each) => `summary "${each.textContent.trim()}"`),
    ...all("[role=separator][tabindex]").map((each) => `separator "${each.getAttribute("aria-label") ?? ""}"`),
    ...all("[role=row][tabindex]").map((each) => `row "${each.closest("[role=table]")?.getAttribute("aria-label") ?? ""}"`),
    ...all(".u-over").map((each) => `plot "${each.closest("section")?.getAttribute("aria-label") ?? each.closest("section")?.querySelector("h2, h3")?.textContent ?? ""}"`),
    ...all("[draggable=true]").map(() => 'drag ""'),
  ];
}

/** What of a page stands open: the topmost dialog, else the page itself; and the menu above it. */
export async function opened(page: Page): Promise<string[]> {
  const dialogs = page.locator("dialog[open]");
  const count = await dialogs.count();
  return controls(count > 0 ? dialogs.nth(count - 1) : page.locator("main, [data-radix-popper-content-wrapper]"));
}
