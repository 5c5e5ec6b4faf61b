import { useCallback } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { fullTime, time } from "../../lib/format";
import { Button } from "../../ui/Button";
import { Popover } from "../../ui/Popover";
import styles from "./overview.module.css";

type Mark = Schemas["Mark"];

const KINDS = ["reload", "reload_failed", "cooldown", "recovered", "retried"] as const;

/** The few words that stand at the mark in a chart. */
export function useMarkLabel(): (mark: Mark) => string {
  const { t } = useTranslation("overview");
  return useCallback(
    (mark: Mark) => {
      const kind = KINDS.find((each) => each === mark.kind) ?? "other";
      return t(`mark.${kind}`, { credential: mark.credential ?? "", count: mark.count, kind: mark.kind });
    },
    [t],
  );
}

/** What the marks in the charts are, as a list: a canvas cannot be read. */
export function Marks({ marks }: { marks: readonly Mark[] }) {
  const { t } = useTranslation("overview");
  if (marks.length === 0) return null;
  return (
    <Popover
      label={t("charts.marksTitle")}
      align="end"
      trigger={
        <Button small kind="quiet">
          {t("charts.marks", { count: marks.length })}
        </Button>
      }
    >
      <ol className={styles.marks}>
        {marks.toReversed().map((mark, index) => {
          const kind = KINDS.find((each) => each === mark.kind) ?? "other";
          return (
            <li key={`${mark.at} ${index}`}>
              <time dateTime={new Date(mark.at).toISOString()} title={fullTime(mark.at)}>
                {time(mark.at)}
              </time>
              <span>{t(`event.${kind}`, { credential: mark.credential ?? "", cause: mark.cause ?? "", count: mark.count, kind: mark.kind })}</span>
            </li>
          );
        })}
      </ol>
    </Popover>
  );
}
