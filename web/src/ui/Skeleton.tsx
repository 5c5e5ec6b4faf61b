import { useTranslation } from "react-i18next";

import styles from "./Skeleton.module.css";

/** A place held at its final size while its content is on the way. */
export function Skeleton({ width = "100%", height = 14 }: { width?: number | string; height?: number | string }) {
  return <span className={styles.line} style={{ width, height }} aria-hidden />;
}

/** Rows of a table to come; says so once to screen readers. */
export function SkeletonRows({ count = 12 }: { count?: number }) {
  const { t } = useTranslation();
  return (
    <div className={styles.rows} role="status" aria-label={t("table.loadingRows")}>
      {Array.from({ length: count }, (_, at) => (
        <div key={at} className={styles.row}>
          <Skeleton width={`${90 - ((at * 17) % 40)}%`} height={10} />
        </div>
      ))}
    </div>
  );
}
