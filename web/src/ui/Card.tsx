import clsx from "clsx";
import { type ReactNode, useId } from "react";

import styles from "./Card.module.css";

export type CardProps = {
  title?: string;
  /** Beside the title: the window of the numbers, most of the time. */
  note?: ReactNode;
  actions?: ReactNode;
  /** The content goes to the edges, as a table does. */
  flush?: boolean;
  children: ReactNode;
};

export function Card({ title, note, actions, flush = false, children }: CardProps) {
  const id = useId();
  return (
    <section className={styles.card} {...(title !== undefined && { "aria-labelledby": id })}>
      {title !== undefined && (
        <div className={styles.head}>
          <h2 id={id} className={styles.title}>
            {title}
          </h2>
          {note !== undefined && <span className={styles.note}>{note}</span>}
          {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        </div>
      )}
      <div className={clsx(styles.body, flush && styles.flush)}>{children}</div>
    </section>
  );
}
