import clsx from "clsx";
import { CircleCheck, CircleDashed, CircleMinus, CircleX, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import styles from "./Status.module.css";

export type Tone = "ok" | "warn" | "bad" | "info" | "off" | "busy";

export const TONE_ICON: Record<Tone, LucideIcon> = {
  ok: CircleCheck,
  warn: TriangleAlert,
  bad: CircleX,
  info: Info,
  off: CircleMinus,
  busy: CircleDashed,
};

/** Icon, word and colour together: none of them carries the meaning alone. */
export function Status({ tone, children, icon }: { tone: Tone; children: ReactNode; icon?: LucideIcon }) {
  const Icon = icon ?? TONE_ICON[tone];
  return (
    <span className={clsx(styles.status, styles[tone])}>
      <Icon size={14} aria-hidden />
      {children}
    </span>
  );
}

/** The same on a coloured ground; without a tone, a plain label. */
export function Badge({ tone, children }: { tone?: Tone; children: ReactNode }) {
  const Icon = tone === undefined ? undefined : TONE_ICON[tone];
  return (
    <span className={clsx(styles.badge, tone !== undefined && styles[tone])}>
      {Icon !== undefined && <Icon size={12} aria-hidden />}
      {children}
    </span>
  );
}

/** The tone of an HTTP status. */
export function statusTone(status: number): Tone {
  if (status >= 500 || status === 0) return "bad";
  if (status >= 400) return "warn";
  return status >= 200 && status < 300 ? "ok" : "info";
}
