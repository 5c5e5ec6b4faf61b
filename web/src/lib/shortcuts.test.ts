import { beforeEach, expect, it, vi } from "vitest";

import { Shortcuts } from "./shortcuts";

let now = 0;
let shortcuts: Shortcuts;

beforeEach(() => {
  document.body.replaceChildren();
  now = 0;
  shortcuts = new Shortcuts(() => now);
});

function press(key: string, options: KeyboardEventInit = {}, target: HTMLElement = document.body): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  Object.defineProperty(event, "target", { value: target });
  shortcuts.handle(event);
  return event;
}

it("runs two keys one after the other, not with a pause between", () => {
  const run = vi.fn();
  shortcuts.add({ keys: "g o", run });
  press("g");
  press("o");
  expect(run).toHaveBeenCalledTimes(1);
  press("g");
  now += 5000;
  press("o");
  press("o");
  expect(run).toHaveBeenCalledTimes(1);
});

it("prefers the pair to the single key", () => {
  const pair = vi.fn();
  const alone = vi.fn();
  shortcuts.add({ keys: "g p", run: pair });
  shortcuts.add({ keys: "p", run: alone });
  press("g");
  press("p");
  press("p");
  expect([pair.mock.calls.length, alone.mock.calls.length]).toEqual([1, 1]);
});

it("leaves letters to inputs, but not Ctrl K", () => {
  const letter = vi.fn();
  const palette = vi.fn();
  shortcuts.add({ keys: "k", run: letter });
  shortcuts.add({ keys: "Mod+k", run: palette });
  const input = document.createElement("input");
  press("k", {}, input);
  press("K", { ctrlKey: true }, input);
  expect(letter).not.toHaveBeenCalled();
  expect(palette).toHaveBeenCalledTimes(1);
});

it("can do without single keys", () => {
  const run = vi.fn();
  shortcuts.add({ keys: "?", run });
  shortcuts.singleKeys = false;
  press("?");
  expect(run).not.toHaveBeenCalled();
});

it("lets the newest win, and the older again when it has gone", () => {
  const older = vi.fn();
  const newer = vi.fn();
  shortcuts.add({ keys: "j", run: older });
  const remove = shortcuts.add({ keys: "j", run: newer });
  press("j");
  remove();
  press("j");
  expect([older.mock.calls.length, newer.mock.calls.length]).toEqual([1, 1]);
});

it("is silent under an open dialog, but for what belongs to it", () => {
  const below = vi.fn();
  const inside = vi.fn();
  shortcuts.add({ keys: "p", run: below });
  shortcuts.add({ keys: "j", run: inside, inDialog: true });
  const dialog = document.createElement("dialog");
  dialog.setAttribute("open", "");
  document.body.append(dialog);
  press("p");
  press("j");
  expect(below).not.toHaveBeenCalled();
  expect(inside).toHaveBeenCalledTimes(1);
});

it("does not take Space and Enter from a button", () => {
  const run = vi.fn();
  shortcuts.add({ keys: "Space", run });
  const button = document.createElement("button");
  expect(press(" ", {}, button).defaultPrevented).toBe(false);
  expect(run).not.toHaveBeenCalled();
  press(" ");
  expect(run).toHaveBeenCalledTimes(1);
});
