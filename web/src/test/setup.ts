/* eslint-disable @typescript-eslint/no-unnecessary-condition, @typescript-eslint/unbound-method -- jsdom lacks what the types have */
import "@testing-library/jest-dom/vitest";
import "../i18n";

import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach } from "vitest";

import { useLive } from "../live/live";
import { usePrefs } from "../live/prefs";
import { useSession } from "../live/session";
import { useToasts } from "../ui/toasts";

// A machine that is busy with other things is no reason to fail.
configure({ asyncUtilTimeout: 10_000 });

// What jsdom has not got.
if (typeof HTMLDialogElement.prototype.showModal !== "function") {
  HTMLDialogElement.prototype.showModal = function showModal() {
    this.setAttribute("open", "");
  };
  HTMLDialogElement.prototype.close = function close() {
    this.removeAttribute("open");
    this.dispatchEvent(new Event("close"));
  };
}
window.matchMedia ??= (query) => Object.assign(new EventTarget(), { matches: false, media: query, onchange: null, addListener: () => undefined, removeListener: () => undefined });
window.ResizeObserver ??= class {
  observe(): void {
    // Sizes do not change here.
  }
  unobserve(): void {
    // As above.
  }
  disconnect(): void {
    // As above.
  }
};
// Nothing is laid out: virtual lists see a window of this size.
for (const name of ["offsetHeight", "clientHeight"]) Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => 600 });
for (const name of ["offsetWidth", "clientWidth"]) Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => 1000 });
if (typeof HTMLElement.prototype.showPopover !== "function") {
  HTMLElement.prototype.showPopover = function showPopover() {
    this.style.display = "block";
  };
  HTMLElement.prototype.hidePopover = function hidePopover() {
    this.style.display = "none";
  };
}
Element.prototype.scrollIntoView ??= () => undefined;
Element.prototype.hasPointerCapture ??= () => false;
(globalThis as { CSS?: { escape: (text: string) => string } }).CSS ??= { escape: (text) => text.replace(/[^\w-]/g, (letter) => `\\${letter}`) };

const stores = [useLive, usePrefs, useSession, useToasts].map((store) => ({ store, first: store.getState() }));

beforeEach(() => {
  localStorage.clear();
  for (const { store, first } of stores) (store.setState as (state: object, replace: true) => void)(first, true);
});

afterEach(() => {
  cleanup();
});
