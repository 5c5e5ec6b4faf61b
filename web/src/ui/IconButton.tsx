import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import type { ComponentProps } from "react";

import { buttonClass, type ButtonKind } from "./Button";
import styles from "./Button.module.css";
import { Tooltip } from "./Tooltip";

export type IconButtonProps = Omit<ComponentProps<"button">, "aria-label" | "children"> & {
  icon: LucideIcon;
  /** What it does: the name for screen readers and the tooltip. */
  label: string;
  /** A key for it, shown in the tooltip. */
  shortcut?: string;
  kind?: ButtonKind;
  small?: boolean;
  /** Off where the button opens something that says the same. */
  tooltip?: boolean;
};

export function IconButton({ icon: Icon, label, shortcut, kind = "quiet", small = false, tooltip = true, className, type = "button", ...rest }: IconButtonProps) {
  const button = (
    <button {...rest} type={type} aria-label={label} className={clsx(buttonClass(kind, small), styles.icon, className)}>
      <Icon size={small ? 14 : 16} aria-hidden />
    </button>
  );
  return tooltip ? (
    <Tooltip text={label} {...(shortcut !== undefined && { shortcut })}>
      {button}
    </Tooltip>
  ) : (
    button
  );
}
