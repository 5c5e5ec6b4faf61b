import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, call } from "../api/client";
import { load, save } from "../lib/storage";

const KEPT = "config.file";

/**
 * Whether there is a configuration file that could be changed; undefined when nobody knows.
 * What was so the last time holds until the gateway says. `waiting`: nothing is known yet, and
 * what a page says about it would push down what it shows already.
 */
export function useHasFile(): { hasFile: boolean | undefined; waiting: boolean } {
  const [before] = useState(() => load(KEPT));
  const { data, isPending, failureCount } = useQuery({ queryKey: ["config", "current"], queryFn: () => call(api.GET("/api/dashboard/config/current")), staleTime: 30_000 });
  const now = data === undefined ? undefined : data.file !== null;
  useEffect(() => {
    if (now !== undefined) save(KEPT, now);
  }, [now]);
  const hasFile = now ?? (typeof before === "boolean" ? before : undefined);
  return { hasFile, waiting: hasFile === undefined && isPending && failureCount === 0 };
}
