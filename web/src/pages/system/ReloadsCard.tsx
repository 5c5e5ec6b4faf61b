import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { count, fullTime, time } from "../../lib/format";
import { Card } from "../../ui/Card";
import { Status } from "../../ui/Status";
import type { SystemInfo } from "./data";
import styles from "./system.module.css";

type Reading = SystemInfo["reloads"][number];

/** Each time the configuration was read again, and what came of it. */
export function ReloadsCard({ info }: { info: SystemInfo }) {
  const { t } = useTranslation("system");
  const { reloads, reload_failures: failures } = info;
  return (
    <Card
      title={t("reloads.title")}
      {...(reloads.length > 0 && { note: t("reloads.note", { count: reloads.length, number: count(reloads.length) }) })}
      flush={reloads.length > 0}
      actions={<Link to="/config">{t("reloads.toConfig")}</Link>}
    >
      {failures > 0 && (
        <p className={styles.failures}>
          <Status tone="warn">{t("reloads.failures", { count: failures, number: count(failures) })}</Status>
        </p>
      )}
      {reloads.length === 0 ? (
        <p className={styles.text}>{t("reloads.none")}</p>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
        <div className={styles.scroll} tabIndex={0} role="region" aria-label={t("reloads.title")}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">{t("reloads.time")}</th>
                <th scope="col">{t("reloads.result")}</th>
                <th scope="col">{t("reloads.version")}</th>
                <th scope="col" className={styles.end}>{t("reloads.generation")}</th>
              </tr>
            </thead>
            <tbody>
              {reloads.map((reading) => (
                <tr key={`${reading.at} ${reading.generation}`}>
                  <td>
                    <time dateTime={new Date(reading.at).toISOString()} title={fullTime(reading.at)}>
                      {time(reading.at)}
                    </time>
                  </td>
                  <td className={styles.result}>
                    <Result reading={reading} />
                  </td>
                  <td>
                    <code>{reading.version.slice(0, 12)}</code>
                  </td>
                  <td className={styles.end}>{reading.generation}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Result({ reading }: { reading: Reading }) {
  const { t } = useTranslation("system");
  if (reading.problems.length > 0) {
    return (
      <>
        <Status tone="bad">{t("reloads.failed")}</Status>
        <ul className={styles.problems}>
          {reading.problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      </>
    );
  }
  return (
    <>
      {reading.changed ? <Status tone="ok">{t("reloads.changed")}</Status> : <Status tone="off">{t("reloads.same")}</Status>}
      {reading.restart.length > 0 && <div className={styles.restart}>{t("reloads.restart", { keys: reading.restart.join(", ") })}</div>}
    </>
  );
}
