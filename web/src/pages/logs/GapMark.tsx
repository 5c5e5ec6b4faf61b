import { useTranslation } from "react-i18next";

import { count } from "../../lib/format";
import type { Span } from "../../live";
import { Button } from "../../ui/Button";
import { Status } from "../../ui/Status";
import { toast } from "../../ui/toasts";
import styles from "./logs.module.css";

/** Stands where records are missing, and loads them. */
export function GapMark({ span, busy, onFill }: { span: Span; busy: boolean; onFill: (span: Span) => Promise<void> }) {
  const { t } = useTranslation("logs");
  const missing = span.to - span.from + 1;
  const fill = () => {
    onFill(span).catch((error: unknown) => toast("bad", t("gapFailed", { message: error instanceof Error ? error.message : String(error) })));
  };
  return (
    <span role="cell" className={styles.gap} title={t("gapWhy")}>
      <Status tone="warn">{t("gap", { count: missing, number: count(missing) })}</Status>
      <Button small kind="quiet" busy={busy} onClick={fill}>
        {t("gapLoad")}
      </Button>
    </span>
  );
}
