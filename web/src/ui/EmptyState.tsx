import { Inbox, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import styles from "./EmptyState.module.css";

/** Why there is nothing, and what to do next. Never an empty area without it. */
export function EmptyState({ title, children, actions, icon: Icon = Inbox }: { title: string; children?: ReactNode; actions?: ReactNode; icon?: LucideIcon }) {
  return (
    <div className={styles.empty}>
      <Icon size={22} aria-hidden className={styles.icon} />
      <p className={styles.title}>{title}</p>
      {children !== undefined && <div className={styles.text}>{children}</div>}
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}
