import clsx from "clsx";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";

import { duration } from "../lib/format";
import styles from "./TwoStream.module.css";
import { cutAt, isFailure, isKeepalive, LONG_GAP, marked, pretty, raw, room, type StreamRow } from "./twoStream";
import type { StreamView } from "./TwoStreamTools";

export type TwoStreamRowProps = { row: StreamRow; before: StreamRow | undefined; view: StreamView; text: string };

/** Milliseconds as seconds with three places: they stand under each other. */
function stamp(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** One cause: the cells of a row, after the time that passed. */
export function TwoStreamRow({ row, before, view, text }: TwoStreamRowProps) {
  const { t } = useTranslation("streams");
  const gap = row.t_ms - (before?.t_ms ?? row.t_ms);
  const failed = isFailure(row);
  const idle = isKeepalive(row);
  const attempt = before !== undefined && row.attempt !== before.attempt && row.attempt > 0 ? row.attempt : null;
  return (
    <>
      {view.realTime && gap > 0 && <div className={styles.room} style={{ height: room(gap) }} aria-hidden />}
      {!view.realTime && gap >= LONG_GAP && (
        <div className={styles.gap} aria-hidden>
          {t("gap", { span: duration(gap) })}
        </div>
      )}
      {attempt !== null && <div className={styles.attempt}>{t("attempt", { number: attempt })}</div>}
      <div role="presentation" className={clsx(styles.columns, styles.row, failed && styles.failed, idle && styles.idle)}>
        <span role="cell" className={styles.time}>
          {stamp(row.t_ms)}
        </span>
        <div role="cell" className={clsx(styles.cell, row.upstream === "" && styles.none)}>
          {row.upstream === "" ? <Absent row={row} /> : <Bytes source={row.upstream} cuts={row.upstream_cuts} view={view} text={text} />}
        </div>
        <div role="cell" className={clsx(styles.cell, styles.meaning, row.events.length === 0 && styles.none)}>
          {row.events.length === 0
            ? idle
              ? t("keepalive")
              : row.cause === "gateway"
                ? t("gateway")
                : "—"
            : row.events.map((event, at) => (
                <div key={at} title={event.type}>
                  <Marked source={event.summary} text={text} />
                </div>
              ))}
        </div>
        <div role="cell" className={clsx(styles.cell, row.client === "" && styles.none)}>
          {row.client === "" ? (
            <span title={t("nothingClient")}>{"—"}</span>
          ) : (
            <Bytes source={row.client} cuts={row.client_cuts} view={view} text={text} />
          )}
        </div>
      </div>
    </>
  );
}

/** Why there are no bytes of the upstream in a row. */
function Absent({ row }: { row: StreamRow }) {
  const { t } = useTranslation("streams");
  if (row.cause === "end") return t("end");
  if (row.cause === "keepalive") return t("keepalive");
  return <span title={t("nothing")}>{"—"}</span>;
}

function Bytes({ source, cuts, view, text }: { source: string; cuts: readonly number[]; view: StreamView; text: string }) {
  const { t } = useTranslation("streams");
  if (view.pretty) {
    return (
      <pre className={styles.bytes}>
        <Marked source={pretty(source)} text={text} />
      </pre>
    );
  }
  // The pieces end where they did; the blank line of an event is not worth two lines.
  const pieces = view.borders ? cutAt(source, cuts) : [source];
  return (
    <pre className={styles.bytes}>
      {pieces.map((piece, at) => (
        <Fragment key={at}>
          {at > 0 && (
            <span className={styles.border} title={t("cut")}>
              {"┊"}
            </span>
          )}
          <Marked source={at === pieces.length - 1 ? raw(piece) : piece} text={text} />
        </Fragment>
      ))}
      {view.borders && (
        <span className={styles.border} aria-hidden>
          {"⏎"}
        </span>
      )}
    </pre>
  );
}

function Marked({ source, text }: { source: string; text: string }) {
  return marked(source, text).map((piece, at) => (piece.hit ? <mark key={at}>{piece.text}</mark> : <Fragment key={at}>{piece.text}</Fragment>));
}
