import clsx from "clsx";
import { useTranslation } from "react-i18next";

import { count, short } from "../../lib/format";
import styles from "./keys.module.css";

export type UsageBarProps = {
  /** The limit, in full, for screen readers. */
  label: string;
  unit: string;
  /** null: nobody here knows. */
  used: number | null;
  allowed: number;
};

/** How much of a limit is used up; says it in numbers beside. */
export function UsageBar({ label, unit, used, allowed }: UsageBarProps) {
  const { t } = useTranslation("keys");
  // Half a request that has not drained yet still takes the place of one.
  const whole = used === null ? null : Math.max(0, Math.ceil(used - 1e-9));
  // The bar and the number beside it say the same.
  const share = whole === null ? 0 : Math.min(1, whole / allowed);
  return (
    <div className={styles.usage} title={`${label}: ${whole === null ? t("usageUnknown", { allowed: count(allowed) }) : t("usage", { used: count(whole), allowed: count(allowed) })}`}>
      {whole === null ? (
        <span className={styles.track} aria-hidden />
      ) : (
        <span role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={allowed} aria-valuenow={Math.min(whole, allowed)} aria-valuetext={t("usage", { used: count(whole), allowed: count(allowed) })} className={styles.track}>
          <span className={clsx(styles.fill, share >= 0.9 && styles.full)} style={{ width: `${share * 100}%` }} />
        </span>
      )}
      <span className={styles.figures}>
        {whole === null ? "" : `${short(whole)} / `}
        {short(allowed)} {unit}
      </span>
    </div>
  );
}
