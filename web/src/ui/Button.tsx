import clsx from "clsx";
import { LoaderCircle, type LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";

import styles from "./Button.module.css";

export type ButtonKind = "primary" | "secondary" | "quiet" | "danger";

export type ButtonProps = ComponentProps<"button"> & {
  kind?: ButtonKind;
  small?: boolean;
  icon?: LucideIcon;
  /** The action is on its way: the button stays where it is and does nothing. */
  busy?: boolean;
};

export function buttonClass(kind: ButtonKind = "secondary", small = false): string {
  return clsx(styles.button, styles[kind], small && styles.small);
}

export function Button({ kind = "secondary", small = false, icon: Icon, busy = false, className, children, onClick, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={clsx(buttonClass(kind, small), className)}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <LoaderCircle size={small ? 13 : 15} className={styles.spin} aria-hidden /> : Icon !== undefined && <Icon size={small ? 13 : 15} aria-hidden />}
      {children}
    </button>
  );
}
