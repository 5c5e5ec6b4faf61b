import clsx from "clsx";
import type { ReactNode } from "react";

import styles from "./Banner.module.css";
import { type Tone, TONE_ICON } from "./Status";
import status from "./Status.module.css";

/** A line that concerns the whole page, or with `inline` the part it stands in. */
export function Banner({ tone, children, action, inline = false }: { tone: Tone; children: ReactNode; action?: ReactNode; inline?: boolean }) {
  const Icon = TONE_ICON[tone];
  return (
    <div className={clsx(styles.banner, styles[tone], inline && styles.inline)}>
      <Icon size={16} aria-hidden className={status[tone]} />
      <div className={styles.content}>
        <span className={styles.text}>{children}</span>
        {action}
      </div>
    </div>
  );
}
