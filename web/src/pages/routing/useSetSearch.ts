import { useNavigate } from "@tanstack/react-router";

import type { Search } from "./search";

type Change = { [K in keyof Search]?: string | undefined };

/** Changes what the address says of this page; what is empty leaves it. */
export function useSetSearch(): (change: Change) => void {
  const navigate = useNavigate();
  return (change) => void navigate({ to: ".", replace: true, search: (before) => ({ ...before, ...change }) as typeof before });
}
