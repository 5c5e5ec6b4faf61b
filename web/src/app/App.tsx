import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { makeQueryClient } from "../api/query";
import { shortcuts } from "../lib/shortcuts";
import { watchBrowser } from "../live";
import { applyPrefs, usePrefs } from "../live/prefs";
import { TooltipProvider } from "../ui/Tooltip";
import { makeRouter } from "./router";

/** All that is around the pages and has no picture of its own. */
export function App() {
  const [queries] = useState(makeQueryClient);
  const [router] = useState(makeRouter);
  const prefs = usePrefs();
  useEffect(() => {
    applyPrefs(prefs);
    shortcuts.singleKeys = prefs.singleKeys;
  }, [prefs]);
  useEffect(() => {
    const keydown = (event: KeyboardEvent) => shortcuts.handle(event);
    document.addEventListener("keydown", keydown);
    const unwatch = watchBrowser();
    return () => {
      document.removeEventListener("keydown", keydown);
      unwatch();
    };
  }, []);
  return (
    <QueryClientProvider client={queries}>
      <TooltipProvider>
        <RouterProvider router={router} />
      </TooltipProvider>
    </QueryClientProvider>
  );
}
