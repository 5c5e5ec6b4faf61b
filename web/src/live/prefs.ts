/** What a person has set for this browser. */
import { create } from "zustand";

import { load, save } from "../lib/storage";

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";

export type Prefs = { theme: Theme; density: Density; singleKeys: boolean; logSeen: number };

export type PrefsState = Prefs & { set: (change: Partial<Prefs>) => void };

const DEFAULTS: Prefs = { theme: "system", density: "comfortable", singleKeys: true, logSeen: 0 };

function stored(): Prefs {
  const kept = load("prefs");
  if (typeof kept !== "object" || kept === null) return DEFAULTS;
  const { theme, density, singleKeys, logSeen } = kept as Record<string, unknown>;
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    density: density === "compact" ? density : "comfortable",
    singleKeys: singleKeys !== false,
    logSeen: typeof logSeen === "number" ? logSeen : 0,
  };
}

export const usePrefs = create<PrefsState>()((set, get) => ({
  ...stored(),
  set(change) {
    set(change);
    const { theme, density, singleKeys, logSeen } = get();
    save("prefs", { theme, density, singleKeys, logSeen });
  },
}));

/** Puts theme and density where the tokens look for them; call again after a change. */
export function applyPrefs({ theme, density }: Prefs, root: HTMLElement = document.documentElement): void {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  root.dataset.density = density;
}

/** Whether it is dark now, whoever decided that. */
export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}
