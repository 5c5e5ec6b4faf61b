import { useTranslation } from "react-i18next";

import { Skeleton } from "../../ui/Skeleton";
import styles from "./overview.module.css";

/** The page at its final sizes, until its numbers are there. */
export function Loading() {
  const { t } = useTranslation();
  return (
    <div className={styles.page} role="status" aria-label={t("loading")}>
      <Skeleton height={44} />
      <div className={styles.numbers}>
        {[0, 1, 2, 3].map((at) => (
          <Skeleton key={at} height={140} />
        ))}
      </div>
      <div className={styles.charts}>
        <Skeleton height={286} />
        <Skeleton height={286} />
      </div>
      <Skeleton height={180} />
    </div>
  );
}
