import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

import { DEFAULT_RANGE, parseRange, type Range, writeRange } from "./range";

/** The time range of the page, which lives in the address. */
export function useRange(): { range: Range; text: string; setRange: (range: Range) => void } {
  const { range: text = DEFAULT_RANGE } = useSearch({ strict: false });
  const navigate = useNavigate();
  const range = useMemo<Range>(() => parseRange(text) ?? { kind: "last", seconds: 900 }, [text]);
  const setRange = useCallback(
    (next: Range) => {
      const written = writeRange(next);
      void navigate({ to: ".", search: (before: object) => ({ ...before, range: written === DEFAULT_RANGE ? undefined : written }) } as never);
    },
    [navigate],
  );
  return { range, text, setRange };
}
