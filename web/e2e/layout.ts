/** What a person would see at once and a test of roles does not: things that stick out, are cut off, or lie on each other. */
import type { Page } from "playwright-core";

/** Each a sentence; a good page has none. */
export async function clutter(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const root = document.documentElement;
    const open = [...document.querySelectorAll("dialog[open]")].at(-1);
    const top = open ?? document.querySelector("main") ?? document.body;
    const CONTROLS = "a[href], button, input, select, textarea, summary, [role=switch], [role=tab]";

    const name = (element: Element) => {
      const words = (element.getAttribute("aria-label") ?? element.textContent).trim().replace(/\s+/g, " ").slice(0, 50);
      return `${element.tagName.toLowerCase()}${element.id === "" || element.id.startsWith("_") ? "" : `#${element.id}`} "${words}" .${element.getAttribute("class")?.split(" ")[0] ?? ""}`;
    };
    const look = (element: Element) => getComputedStyle(element);
    const scrolls = (element: Element) => ["auto", "scroll"].includes(look(element).overflowX);
    /** Shown to the eye: for screen readers alone there is a box of one pixel. */
    const seen = (element: Element) => {
      const box = element.getBoundingClientRect();
      return box.width > 1 && box.height > 1 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    };
    const hiddenText = (element: Element) => element.closest(".sr-only") !== null || look(element).clipPath.startsWith("inset");
    const ancestors = (element: Element) => {
      const all: Element[] = [];
      for (let at = element.parentElement; at !== null; at = at.parentElement) all.push(at);
      return all;
    };

    // 1. Nothing makes the window, or the page in it, scroll sideways.
    if (root.scrollWidth > root.clientWidth) found.push(`the document is ${root.scrollWidth} wide in a window of ${root.clientWidth}`);
    const scroller = document.querySelector("main");
    if (scroller !== null && scroller.scrollWidth > scroller.clientWidth) found.push(`the page is ${scroller.scrollWidth} wide in ${scroller.clientWidth}`);

    const all = [...top.querySelectorAll("*")].filter((element) => element.closest("svg") === null || element.tagName === "svg");
    for (const element of all) {
      if (!seen(element) || hiddenText(element)) continue;
      const box = element.getBoundingClientRect();
      // 2. Nothing is wider than what it is in, unless that scrolls on purpose.
      const holder = ancestors(element).find((each) => look(each).overflowX !== "visible");
      if (holder !== undefined && (holder === scroller || holder.tagName === "DIALOG")) {
        const inner = holder.getBoundingClientRect();
        if (box.right > inner.left + holder.clientLeft + holder.clientWidth + 1 || box.left < inner.left - 1) found.push(`${name(element)} sticks out of the page`);
      }
      // A control stays in the frame that is drawn around it.
      if (element.matches(CONTROLS)) {
        for (const frame of ancestors(element)) {
          if (frame === top || scrolls(frame)) break;
          const style = look(frame);
          const edge = frame.getBoundingClientRect();
          if (parseFloat(style.borderRightWidth) > 0 && style.borderRightStyle !== "none" && (box.right > edge.right + 1 || box.left < edge.left - 1)) found.push(`${name(element)} sticks out of ${name(frame)}`);
        }
      }
      // 3. No text is cut off with no way to read it.
      const style = look(element);
      const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== "");
      const cut = ["hidden", "clip"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1;
      if (cut && (own || style.textOverflow === "ellipsis")) {
        // Some say it when one points at them, some are whole when their row has the focus.
        element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
        const told = element.closest("[title]:not([title='']), [aria-label]:not([role=table], [role=region], section, dialog, main)") ?? element.querySelector("[title]:not([title=''])");
        if (told === null) element.closest<HTMLElement>("[role=row]")?.focus({ preventScroll: true });
        const whole = element.scrollWidth <= element.clientWidth + 1;
        if (document.activeElement?.matches("[role=row]") === true) (document.activeElement as HTMLElement).blur();
        if (whole) continue;
        if (style.textOverflow !== "ellipsis") found.push(`${name(element)} is cut off without an ellipsis`);
        else if (told === null) found.push(`${name(element)} is cut off and does not say what it is`);
      }
      // A choice and a hint are as long as their field.
      const room = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      const pen = document.createElement("canvas").getContext("2d");
      if (pen !== null) pen.font = style.font;
      const wide = (text: string) => pen?.measureText(text).width ?? 0;
      if (element instanceof HTMLSelectElement) {
        const ARROW = 20; // px, about
        const chosen = element.selectedOptions[0]?.label ?? "";
        if (wide(chosen) + ARROW > room + 1 && element.title === "") found.push(`${name(element).slice(0, 20)} cuts its choice "${chosen}": ${Math.round(wide(chosen))} of ${Math.round(room - ARROW)}`);
      }
      if (element instanceof HTMLInputElement && element.placeholder !== "" && wide(element.placeholder) > room + 1) found.push(`the hint "${element.placeholder}" is cut: ${Math.round(wide(element.placeholder))} of ${Math.round(room)}`);
    }

    // 4. No control lies on another. What is pasted over the rest on purpose (a bar that stays, a
    // button in the padding of a field) does not count.
    type Box = { left: number; right: number; top: number; bottom: number };
    const stays = (element: Element) => [element, ...ancestors(element)].some((each) => ["sticky", "fixed"].includes(look(each).position));
    const visible = (element: Element): Box[] => {
      const style = look(element);
      const field = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
      return [...element.getClientRects()].map((rect) => {
        const box = { left: rect.left + (field ? parseFloat(style.paddingLeft) : 0), right: rect.right - (field ? parseFloat(style.paddingRight) : 0), top: rect.top, bottom: rect.bottom };
        for (const each of ancestors(element)) {
          if (look(each).overflowX === "visible" && look(each).overflowY === "visible") continue;
          const edge = each.getBoundingClientRect();
          box.left = Math.max(box.left, edge.left);
          box.right = Math.min(box.right, edge.right);
          box.top = Math.max(box.top, edge.top);
          box.bottom = Math.min(box.bottom, edge.bottom);
        }
        return box;
      });
    };
    const places = [...(open ?? document).querySelectorAll(CONTROLS)]
      .filter((element) => seen(element) && !hiddenText(element) && look(element).pointerEvents !== "none")
      .map((element) => ({ element, sticky: stays(element), boxes: visible(element) }));
    places.forEach((one, at) => {
      for (const other of places.slice(at + 1)) {
        if (one.sticky !== other.sticky || one.element.contains(other.element) || other.element.contains(one.element)) continue;
        const meet = one.boxes.some((a) => other.boxes.some((b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1));
        if (meet) found.push(`${name(one.element)} lies on ${name(other.element)}`);
      }
    });
    return found;
  });
}
