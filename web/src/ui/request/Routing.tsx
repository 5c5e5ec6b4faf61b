import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../Button";
import { Status } from "../Status";
import type { LogDetail } from "./data";
import styles from "./request.module.css";

/** Where the request could go, as it was decided then. */
export function Routing({ detail }: { detail: LogDetail }) {
  const { t } = useTranslation("request");
  const { entry, candidates, rejections } = detail;
  const tried = (credential: string, model: string) => detail.attempts.findLast((attempt) => attempt.credential === credential && (attempt.model === model || attempt.model === ""));
  return (
    <div className={styles.tab}>
      <p className={styles.muted}>{t("routing.decided", { config: entry.config })}</p>
      <section className={styles.part} aria-label={t("routing.order")}>
        <h3>{t("routing.order")}</h3>
        {candidates.length === 0 ? (
          <p className={styles.muted}>{t("routing.none")}</p>
        ) : (
          <ol className={styles.order}>
            {candidates.map((candidate, at) => {
              const attempt = tried(candidate.credential, candidate.model);
              return (
                <li key={at}>
                  <strong>{candidate.credential}</strong> <span className={styles.muted}>{candidate.model}</span>{" "}
                  {attempt === undefined ? (
                    <Status tone="off">{t("routing.untried")}</Status>
                  ) : attempt.error === null ? (
                    <Status tone="ok">{t("routing.chosen")}</Status>
                  ) : (
                    <Status tone="bad">{t("routing.failed", { error: attempt.error })}</Status>
                  )}
                </li>
              );
            })}
          </ol>
        )}
      </section>
      {rejections.length > 0 && (
        <section className={styles.part} aria-label={t("routing.rejected")}>
          <h3>{t("routing.rejected")}</h3>
          <div className={styles.wide}>
            <table className={styles.table}>
              <thead>
                <tr>
                  <th scope="col">{t("routing.candidate")}</th>
                  <th scope="col">{t("routing.reason")}</th>
                </tr>
              </thead>
              <tbody>
                {rejections.map((rejection, at) => (
                  <tr key={at}>
                    <td>{rejection.credential}</td>
                    <td>{rejection.requested === "" ? rejection.reason : t("routing.requested", { reason: rejection.reason, requested: rejection.requested })}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      {entry.model !== null && (
        <p>
          <Link to="/routing" search={{ model: entry.model, format: entry.format } as never} className={buttonClass("secondary", true)}>
            {t("routing.explain")}
          </Link>
        </p>
      )}
    </div>
  );
}
