import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { ago, count, fullTime } from "../../lib/format";
import { requestQuery } from "../../lib/requestQuery";
import { useNow } from "../../lib/useNow";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { Badge, statusTone } from "../../ui/Status";
import styles from "./overview.module.css";
import type { Window } from "./useOverview";

/** What failed last, by cause; each leads to its requests. */
export function Errors({ errors, window }: { errors: readonly Schemas["ErrorGroup"][]; window: Window }) {
  const { t } = useTranslation("overview");
  const now = useNow(10_000);
  return (
    <Card title={t("errors.title")} note={window.label} flush={errors.length > 0}>
      {errors.length === 0 ? (
        <EmptyState title={t("errors.none")}>{t("errors.noneText", { window: window.label })}</EmptyState>
      ) : (
        <ol className={styles.errors}>
          {errors.map((each) => (
            <li key={`${each.error} ${each.status} ${each.credential} ${each.model}`}>
              <Link
                to="/requests"
                search={{ range: window.text, ...requestQuery({ status: each.status, error: each.error, credential: each.credential, model: each.model }) }}
                className={styles.error}
              >
                <Badge tone={each.status < 400 ? "bad" : statusTone(each.status)}>{each.status}</Badge>
                <span className={styles.cause}>
                  <strong>{each.error}</strong>
                  <span className={styles.where}>
                    {[each.model, each.credential === "" ? t("errors.unrouted") : each.credential].filter((part) => part !== "").join(" → ")}
                  </span>
                </span>
                <span className={styles.count}>{t("errors.times", { number: count(each.count) })}</span>
                {each.newest !== null && (
                  <time dateTime={new Date(each.newest).toISOString()} title={fullTime(each.newest)} className={styles.when}>
                    {ago(each.newest, now)}
                  </time>
                )}
              </Link>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
