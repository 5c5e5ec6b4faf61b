import { useTranslation } from "react-i18next";

import { EmptyState } from "../EmptyState";
import { Status, type Tone } from "../Status";
import type { LogDetail } from "./data";
import styles from "./request.module.css";

const TONES: Record<LogDetail["ledger"][number]["action"], Tone> = { dropped: "warn", approximated: "info", defaulted: "info", carried: "ok" };

/** What the translation could not carry. */
export function Loss({ detail }: { detail: LogDetail }) {
  const { t } = useTranslation("request");
  if (detail.ledger.length === 0) {
    return <EmptyState title={t("loss.none")}>{detail.entry.relayed ? t("loss.relayedText") : t("loss.noneText")}</EmptyState>;
  }
  return (
    <div className={styles.wide}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t("loss.field")}</th>
            <th scope="col">{t("loss.action")}</th>
            <th scope="col">{t("loss.rule")}</th>
            <th scope="col">{t("loss.detail")}</th>
          </tr>
        </thead>
        <tbody>
          {detail.ledger.map((entry, at) => (
            <tr key={at}>
              <td>
                <code>{entry.pointer}</code>
              </td>
              <td>
                <Status tone={TONES[entry.action]}>{t(`loss.action_${entry.action}`)}</Status>
              </td>
              <td>
                <code>{entry.code}</code>
              </td>
              <td>
                {entry.detail}
                {entry.reported && <span className={styles.muted}> {t("loss.reported")}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
