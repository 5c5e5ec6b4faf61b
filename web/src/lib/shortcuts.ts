/**
 * Keys that do something on the whole page. A shortcut is a word as in
 * `Mod+k`, `g o`, `?`; the first part of a two-key one waits for the second.
 *
 * Keys with no modifier are off where a person types, inside an open dialog
 * (except those marked `inDialog`), and when switched off in the preferences.
 */

export type Shortcut = {
  keys: string;
  run: (event: KeyboardEvent) => void;
  /** Works while a drawer or modal is open. */
  inDialog?: boolean;
};

const SECOND_KEY_LIMIT = 1200; // ms; slower, and the first key is forgotten

const mac = typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.userAgent);

/** How the keys are written for a person: `⌘K`, `Ctrl K`, `g o`. */
export function keyLabel(keys: string): string {
  return keys.replace("Mod+", mac ? "⌘" : "Ctrl ").replace("Shift+", "⇧").replace(/\b([a-z])$/, (letter) => (keys.includes("+") ? letter.toUpperCase() : letter));
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit", "range"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function written(event: KeyboardEvent): string {
  const modifier = (event.ctrlKey || event.metaKey ? "Mod+" : "") + (event.altKey ? "Alt+" : "");
  const key = event.key === " " ? "Space" : event.key;
  return modifier + (modifier !== "" ? key.toLowerCase() : key);
}

export class Shortcuts {
  private readonly known = new Map<string, Shortcut[]>();
  private first: { key: string; at: number } | null = null;
  /** Whether keys without a modifier count. */
  singleKeys = true;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Adds a shortcut; the newest of the same keys wins. Returns how to remove it. */
  add(shortcut: Shortcut): () => void {
    const list = this.known.get(shortcut.keys) ?? [];
    this.known.set(shortcut.keys, [...list, shortcut]);
    return () => {
      const rest = (this.known.get(shortcut.keys) ?? []).filter((each) => each !== shortcut);
      if (rest.length === 0) this.known.delete(shortcut.keys);
      else this.known.set(shortcut.keys, rest);
    };
  }

  handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    const key = written(event);
    const bare = !key.includes("+") || key === "+";
    if (bare && (!this.singleKeys || isTyping(event.target))) return;
    // A control that has the focus keeps its own keys.
    if ((key === "Space" || key === "Enter") && event.target instanceof HTMLElement && event.target.closest("button, a, summary, input, [role=row], [role=menuitem], [role=tab], [role=switch]")) return;

    const before = this.first;
    this.first = null;
    const pair = before !== null && this.now() - before.at <= SECOND_KEY_LIMIT ? this.known.get(`${before.key} ${key}`) : undefined;
    const found = (pair ?? this.known.get(key))?.at(-1);
    if (found !== undefined) {
      if (document.querySelector("dialog[open]") !== null && !found.inDialog && bare) return;
      event.preventDefault();
      found.run(event);
    } else if (bare && [...this.known.keys()].some((keys) => keys.startsWith(`${key} `))) {
      this.first = { key, at: this.now() };
    }
  }
}

/** The one of this page; the shell connects it to the document. */
export const shortcuts = new Shortcuts();
