import clsx from "clsx";
import { useTranslation } from "react-i18next";

import { CopyButton } from "./CopyButton";
import styles from "./Diff.module.css";

function kind(line: string): string | undefined {
  if (line.startsWith("+++") || line.startsWith("---") || line.startsWith("@@") || line.startsWith("\\")) return styles.head;
  if (line.startsWith("+")) return styles.added;
  return line.startsWith("-") ? styles.removed : undefined;
}

/** A unified diff as the gateway writes it; its signs stay, so that colour says nothing alone. */
export function Diff({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <div className={styles.diff}>
      {/* It scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={styles.lines} tabIndex={0} role="region" aria-label={label ?? t("change.diff")}>
        <code className={styles.inner}>
          {lines.map((line, at) => (
            <span key={at} className={clsx(styles.line, kind(line))}>
              {`${line}\n`}
            </span>
          ))}
        </code>
      </pre>
      <div className={styles.copy}>
        <CopyButton text={text} label={t("change.copyDiff")} iconOnly small />
      </div>
    </div>
  );
}
