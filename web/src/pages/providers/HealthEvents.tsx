import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { count, duration, fullTime, time } from "../../lib/format";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { Status } from "../../ui/Status";
import { useEvents } from "./data";
import styles from "./panel.module.css";
import { causeWord } from "./standing";

const SHOWN = 50;

type Event = Schemas["HealthEvent"];

/** Events of one second that say the same, as when many requests fail at once: one line of them. */
function grouped(events: readonly Event[]): { event: Event; times: number }[] {
  const groups: { event: Event; times: number }[] = [];
  for (const event of events) {
    const last = groups.at(-1);
    const same = last !== undefined && (["kind", "cause", "model", "limited", "faults"] as const).every((field) => last.event[field] === event[field]);
    if (same && Math.abs(last.event.timestamp - event.timestamp) < 1000) last.times += 1;
    else groups.push({ event, times: 1 });
  }
  return groups;
}

/** When it began to rest and why, and when it was well again; the newest first. */
export function HealthEvents({ id, stamp }: { id: string; stamp: string }) {
  const { t } = useTranslation("providers");
  const events = useEvents(id, stamp);
  if (events.error !== null && events.data === undefined) return <ErrorCard error={events.error} onRetry={() => void events.refetch()} />;
  if (events.data === undefined) return <Skeleton height={40} />;
  const list = grouped([...events.data.events].reverse());
  if (list.length === 0) return <p className={styles.muted}>{t("events.none")}</p>;
  return (
    <>
      <ol className={styles.events}>
        {list.slice(0, SHOWN).map(({ event, times }) => (
          <li key={event.seq} className={styles.event}>
            <time dateTime={new Date(event.timestamp).toISOString()} title={fullTime(event.timestamp)}>
              {time(event.timestamp)}
            </time>
            <Status tone={event.kind === "recovered" ? "ok" : "warn"}>{event.kind === "recovered" ? t("events.recovered") : t("events.rests")}</Status>
            <span>
              {event.kind === "rests" &&
                t(event.limited ? "events.limited" : "events.detail", {
                  count: event.faults,
                  cause: event.cause === null ? t("sentence.noCause") : causeWord(t, event.cause),
                  span: event.until === null ? "" : duration(event.until - event.timestamp),
                })}
              {times > 1 && ` ${t("events.times", { times: count(times) })}`}
              {event.model !== "" && ` ${t("events.model", { model: event.model })}`}
            </span>
          </li>
        ))}
      </ol>
      {list.length > SHOWN && <p className={styles.muted}>{t("events.more", { count: list.length - SHOWN })}</p>}
    </>
  );
}
