import clsx from "clsx";
import { useTranslation } from "react-i18next";

import styles from "./CodeBlock.module.css";
import { CopyButton } from "./CopyButton";

export type CodeBlockProps = {
  children: string;
  /** What it is, for screen readers: "curl command". */
  label?: string;
  wrap?: boolean;
  copy?: boolean;
};

export function CodeBlock({ children, label, wrap = false, copy = true }: CodeBlockProps) {
  const { t } = useTranslation();
  return (
    <div className={clsx(styles.block, wrap && styles.wrap)}>
      {/* It scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={styles.code} tabIndex={0} role="region" aria-label={label ?? t("code")}>
        <code>{children}</code>
      </pre>
      {copy && (
        <div className={styles.copy}>
          <CopyButton text={children} label={t("copy")} iconOnly small />
        </div>
      )}
    </div>
  );
}
