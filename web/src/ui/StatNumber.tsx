import clsx from "clsx";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";

import { Sparkline } from "./Figures";
import { Skeleton } from "./Skeleton";
import styles from "./StatNumber.module.css";

export type StatNumberProps = {
  label: string;
  /** As written by `lib/format`; undefined while it is on the way. */
  value: string | undefined;
  /** Which time the number is of. A number without one says nothing. */
  window: string;
  /** Against the window before, from `change()`; null when there was nothing. */
  delta?: string | null;
  /** Whether that change is to be glad of. */
  judgement?: "good" | "worse" | "neutral";
  /** A second line: what belongs to it. */
  second?: ReactNode;
  points?: readonly (number | null)[];
  /** What the line shows, in words. */
  pointsLabel?: string;
};

export function StatNumber({ label, value, window, delta, judgement = "neutral", second, points, pointsLabel }: StatNumberProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <section className={styles.stat} aria-labelledby={id}>
      <div className={styles.head}>
        <h2 id={id} className={styles.label}>
          {label}
        </h2>
        <span className={styles.window}>{window}</span>
      </div>
      <div className={styles.line}>
        {value === undefined ? <Skeleton width={96} height={30} /> : <span className={styles.value}>{value}</span>}
        {value !== undefined && delta !== undefined && (
          <span className={clsx(styles.delta, judgement === "good" && styles.good, judgement === "worse" && styles.worse)}>
            {delta === null ? t("stat.noBefore") : t("stat.change", { change: delta })}
          </span>
        )}
      </div>
      {second !== undefined && <div className={styles.second}>{second}</div>}
      {points !== undefined && <div className={styles.spark}>{points.length > 1 && <Sparkline values={points} label={pointsLabel ?? label} />}</div>}
    </section>
  );
}
