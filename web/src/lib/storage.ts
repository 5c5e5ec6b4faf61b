/**
 * What is kept in this browser: preferences, column widths. Never a secret.
 * A browser that refuses storage loses nothing but the memory.
 */

const PREFIX = "aigw.";

export function load(key: string): unknown {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

export function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works without.
  }
}
