import { useEffect, useLayoutEffect, useRef } from "react";

import { shortcuts } from "./shortcuts";

/** Runs `action` on `keys` while the component is there and `enabled`. */
export function useShortcut(keys: string, action: () => void, { enabled = true, inDialog = false } = {}): void {
  const latest = useRef(action);
  useEffect(() => {
    latest.current = action;
  });
  // What one sees listens already.
  useLayoutEffect(() => {
    if (!enabled) return undefined;
    return shortcuts.add({ keys, inDialog, run: () => latest.current() });
  }, [keys, enabled, inDialog]);
}
