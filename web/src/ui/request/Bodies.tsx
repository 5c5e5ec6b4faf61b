import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Tabs } from "../Tabs";
import { BodyView } from "./BodyView";
import type { CaptureView, LogDetail } from "./data";
import styles from "./request.module.css";

/** The request at each stage: as it came, what was changed, as it went on. */
export function Bodies({ detail, capture }: { detail: LogDetail; capture: CaptureView }) {
  const { t } = useTranslation("request");
  const [stage, setStage] = useState("client");
  return (
    <Tabs
      label={t("bodies.label")}
      value={stage}
      onChange={setStage}
      tabs={[
        { value: "client", label: t("bodies.client"), content: <BodyView captured={capture.request} label={t("bodies.client")} /> },
        { value: "rules", label: t("bodies.rules"), content: <Rules detail={detail} /> },
        ...capture.attempts.map((attempt) => ({
          value: `upstream-${attempt.attempt}`,
          label: t("bodies.upstream", { number: capture.attempts.length > 1 ? attempt.attempt : "" }).trim(),
          content: (
            <div className={styles.tab}>
              <p>
                <code className={styles.path}>{`${attempt.method} ${attempt.url}`}</code>
              </p>
              <BodyView captured={attempt.request} label={t("bodies.upstream", { number: attempt.attempt })} />
            </div>
          ),
        })),
      ]}
    />
  );
}

/** What was changed between the two, each with what changed it. */
function Rules({ detail }: { detail: LogDetail }) {
  const { t } = useTranslation("request");
  const { entry } = detail;
  const changes = detail.attempts.flatMap((attempt, at) => attempt.mutations.map((mutation) => ({ ...mutation, attempt: at + 1 })));
  return (
    <div className={styles.tab}>
      <ul className={styles.plain}>
        {entry.served_model !== null && entry.served_model !== entry.model && <li>{t("bodies.alias", { asked: entry.model, served: entry.served_model })}</li>}
        {entry.upstream_format !== null && (
          <li>{entry.upstream_format === entry.format ? t("bodies.sameFormat", { format: entry.format }) : t("bodies.formats", { from: entry.format, to: entry.upstream_format })}</li>
        )}
      </ul>
      {changes.length === 0 ? (
        <p className={styles.muted}>{t("bodies.noRules")}</p>
      ) : (
        <>
          <p className={styles.muted}>{t("bodies.rulesText")}</p>
          <div className={styles.wide}>
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">{t("timeline.number")}</th>
                  <th scope="col">{t("bodies.where")}</th>
                  <th scope="col">{t("bodies.cause")}</th>
                </tr>
              </thead>
              <tbody>
                {changes.map((change, at) => (
                  <tr key={at}>
                    <td>{change.attempt}</td>
                    <td>
                      <code>{change.pointer}</code>
                    </td>
                    <td>{change.cause}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </div>
  );
}
