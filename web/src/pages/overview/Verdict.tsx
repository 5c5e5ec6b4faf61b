import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { percent } from "../../lib/format";
import { Status, type Tone } from "../../ui/Status";
import styles from "./overview.module.css";
import type { Overview } from "./useOverview";

const TONE: Record<string, Tone> = { ok: "ok", degraded: "warn", down: "bad", draining: "warn", idle: "info" };
const WORDS = ["ok", "degraded", "down", "draining", "idle"] as const;

/** The gateway's own judgement in one line; it leads to the cause. */
export function Verdict({ data, window }: { data: Overview; window: string }) {
  const { t } = useTranslation("overview");
  const { status, verdict } = data.health;
  const word = WORDS.find((each) => each === status);
  const label = word === undefined ? status : t(`verdict.status.${word}`);
  // The sentence may begin with the word that is shown as the status.
  const rest = verdict.startsWith(`${label}: `) ? verdict.slice(label.length + 2) : verdict;
  return (
    <section className={styles.verdict} aria-label={t("verdict.label")} data-status={status}>
      <h2 className={styles.verdictWord}>
        <Status tone={TONE[status] ?? "info"}>{label}</Status>
      </h2>
      <p className={styles.verdictText}>{rest}</p>
      {data.now !== null && (
        <p className={styles.verdictErrors}>
          {data.now.error_rate === null ? t("verdict.none", { window }) : t("verdict.errors", { rate: percent(data.now.error_rate), window })}
        </p>
      )}
      <Link to="/providers" className={styles.verdictLink}>
        {t(data.credentials.length === 0 ? "strip.add" : "verdict.link")}
      </Link>
    </section>
  );
}
