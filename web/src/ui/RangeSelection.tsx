import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { time } from "../lib/format";
import { writeRange } from "../lib/range";
import { useRange } from "../lib/useRange";
import { Button, buttonClass } from "./Button";
import { IconButton } from "./IconButton";
import styles from "./RangeSelection.module.css";

export type Selection = { from: number; to: number };

/** Whole milliseconds that contain what was dragged over. */
export function selection(from: number, to: number): Selection {
  return { from: Math.floor(from), to: Math.ceil(to) };
}

export type RangeSelectionProps = {
  selected: Selection | null;
  onClear: () => void;
  /** The filter of the page, for the requests behind it. */
  q?: string | undefined;
  /** More at the end of the line. */
  children?: ReactNode;
};

/** The line below charts: how to select a stretch of time, and what to do with one. */
export function RangeSelection({ selected, onClear, q, children }: RangeSelectionProps) {
  const { t } = useTranslation();
  const { setRange } = useRange();
  const range = selected === null ? null : ({ kind: "between", ...selected } as const);
  return (
    <div className={styles.line}>
      <div role="status" className={styles.what}>
        {range === null ? t("chart.dragHint") : <strong>{t("chart.selection", { from: time(range.from), to: time(range.to) })}</strong>}
      </div>
      {range !== null && (
        <>
          <Link to="/requests" search={{ range: writeRange(range), ...(q !== undefined && { q }) }} className={buttonClass("primary", true)}>
            {t("chart.showRequests")}
          </Link>
          <Button
            small
            onClick={() => {
              setRange(range);
              onClear();
            }}
          >
            {t("chart.narrow")}
          </Button>
          <IconButton icon={X} label={t("chart.unselect")} small onClick={onClear} />
        </>
      )}
      {children !== undefined && <div className={styles.end}>{children}</div>}
    </div>
  );
}
