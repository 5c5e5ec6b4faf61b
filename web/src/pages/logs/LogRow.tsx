import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";

import { fullTime, preciseTime } from "../../lib/format";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Status, type Tone } from "../../ui/Status";
import styles from "./logs.module.css";
import { asText, type LogRecord } from "./records";
import type { Level } from "./search";

export const TONE: Record<Level, Tone> = { debug: "off", info: "info", warning: "warn", error: "bad", critical: "bad" };

/** Enough to tell one from the next in a row. */
function shortId(id: string): string {
  return id.slice(0, 13);
}

/** The id of requests that test a provider: there is no record of them to open. */
const TRIAL = "trial";

export type LogRowProps = { record: LogRecord; wrap: boolean; open: boolean; onToggle: () => void; onRequest: (id: string) => void };

/** The cells of one record, and below them the rest of it. */
export function LogRow({ record, wrap, open, onToggle, onRequest }: LogRowProps) {
  const { t } = useTranslation("logs");
  const Fold = open ? ChevronDown : ChevronRight;
  return (
    <>
      <span role="cell" className={styles.fold}>
        <button type="button" tabIndex={-1} aria-label={t("details")} aria-expanded={open} onClick={onToggle}>
          <Fold size={13} aria-hidden />
        </button>
      </span>
      <span role="cell" className={styles.time}>
        <time dateTime={new Date(record.timestamp).toISOString()} title={fullTime(record.timestamp)}>
          {preciseTime(record.timestamp)}
        </time>
      </span>
      <span role="cell" className={styles.word}>
        <Status tone={TONE[record.level]}>{t(`word.${record.level}`)}</Status>
      </span>
      <span role="cell" className={styles.logger} title={record.logger}>
        {record.logger}
      </span>
      <span role="cell" className={clsx(styles.message, (wrap || open) && styles.wrapped)} title={wrap || open ? undefined : record.message}>
        {record.message}
      </span>
      <span role="cell" className={styles.request}>
        {record.request_id === TRIAL && <span className={styles.trial}>{t("trial")}</span>}
        {record.request_id !== null && record.request_id !== TRIAL && (
          <Link to="/requests/$id" params={{ id: record.request_id }} aria-label={t("openRequest", { id: shortId(record.request_id) })} title={record.request_id}>
            {shortId(record.request_id)}
          </Link>
        )}
      </span>
      {open && <Rest record={record} onRequest={onRequest} />}
    </>
  );
}

function Rest({ record, onRequest }: { record: LogRecord; onRequest: (id: string) => void }) {
  const { t } = useTranslation("logs");
  const id = record.request_id;
  return (
    <span role="cell" className={styles.more}>
      <span className={styles.facts}>
        <span>{fullTime(record.timestamp)}</span>
        <span>{t("process", { pid: record.pid })}</span>
        {record.worker !== null && <span>{t("worker", { worker: record.worker })}</span>}
        <span>{t("number", { seq: record.seq })}</span>
        <CopyButton small kind="quiet" label={t("copyRecord")} text={() => asText(record)} />
        {id !== null && (
          <Button small kind="quiet" onClick={() => onRequest(id)}>
            {t("onlyRequest")}
          </Button>
        )}
      </span>
      {record.traceback !== null && (
        // It scrolls, so it takes the focus.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className={styles.traceback} tabIndex={0} role="region" aria-label={t("traceback")}>
          {record.traceback}
        </pre>
      )}
    </span>
  );
}
