/**
 * The two streams of a request side by side, joined by cause: what the upstream sent,
 * what it means, and what the client was sent because of it. Only the rows in view are
 * in the document; one of them is in the tab order, the arrow keys move on.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../i18n";
import en from "../i18n/en/streams";
import { EmptyState } from "./EmptyState";
import styles from "./TwoStream.module.css";
import { isKeepalive, matches, type Streams } from "./twoStream";
import { TwoStreamRow } from "./TwoStreamRow";
import { type StreamView, TwoStreamTools } from "./TwoStreamTools";
import { usePlayback } from "./usePlayback";

addTexts("streams", en);

export type TwoStreamProps = {
  /** The request, for the names of files. */
  id: string;
  /** All rows. */
  streams: Streams;
  /** More is coming: the view follows the end unless scrolled away from it. */
  running?: boolean;
  height?: number | string;
};

const NEAR_END = 40; // px

export function TwoStream({ id, streams, running = false, height = 480 }: TwoStreamProps) {
  const { t } = useTranslation("streams");
  const [view, setView] = useState<StreamView>({ pretty: false, wrap: false, realTime: false, hideKeepalives: false, borders: false });
  const [text, setText] = useState("");
  const [current, setCurrent] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const note = useId();

  const kept = useMemo(() => (view.hideKeepalives ? streams.rows.filter((row) => !isKeepalive(row)) : streams.rows), [streams.rows, view.hideKeepalives]);
  const playback = usePlayback(kept);
  const rows = useMemo(() => (playback.shown === null ? kept : kept.slice(0, playback.shown)), [kept, playback.shown]);
  const hits = useMemo(() => matches(rows, text), [rows, text]);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 26,
    overscan: 8,
    initialRect: { width: 1000, height: 480 },
  });
  useEffect(() => virtualizer.measure(), [virtualizer, view]);
  const items = virtualizer.getVirtualItems();

  const follows = running || playback.playing;
  useEffect(() => {
    if (follows && following.current && rows.length > 0) virtualizer.scrollToIndex(rows.length - 1, { align: "end" });
  }, [follows, rows.length, virtualizer]);

  const go = (to: number) => {
    const at = Math.max(0, Math.min(to, rows.length - 1));
    setCurrent(at);
    virtualizer.scrollToIndex(at);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-at="${at}"]`)?.focus({ preventScroll: true }));
  };
  const keyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const moves: Record<string, number> = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + 15, PageUp: current - 15, Home: 0, End: rows.length - 1 };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };
  const search = {
    text,
    onText: setText,
    at: hits.indexOf(current),
    count: hits.length,
    onMove: (by: 1 | -1) => {
      const to = by === 1 ? (hits.find((hit) => hit > current) ?? hits[0]) : (hits.findLast((hit) => hit < current) ?? hits.at(-1));
      if (to === undefined) return;
      setCurrent(to);
      virtualizer.scrollToIndex(to, { align: "center" });
    },
  };

  if (streams.rows.length === 0 && !running) return <EmptyState title={t("empty")}>{t("emptyText")}</EmptyState>;
  const stop = items.some((item) => item.index === current) ? current : (items[0]?.index ?? 0);
  return (
    <div className={styles.frame}>
      <TwoStreamTools id={id} streams={streams} view={view} onView={setView} playback={playback} count={kept.length} search={search} running={running} />
      <p id={note} className={styles.note}>
        {running ? t("runningNote") : t(`fidelity.${fidelity(streams.fidelity)}`)}
        {streams.cut && <strong> {t("cutNote")}</strong>}
      </p>
      <div
        ref={scroller}
        className={styles.scroller}
        style={{ height }}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          following.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
        }}
      >
        <div role="table" aria-label={t("label")} aria-describedby={note} aria-rowcount={rows.length + 1} className={clsx(styles.table, !view.wrap && !view.pretty && styles.lines)}>
          <div role="rowgroup" className={styles.head}>
            <div role="row" aria-rowindex={1} className={styles.columns}>
              <span role="columnheader">{t("time")}</span>
              <span role="columnheader">{streams.upstream_format === null ? t("upstream") : t("upstreamOf", { format: streams.upstream_format })}</span>
              <span role="columnheader">{t("canonical")}</span>
              <span role="columnheader">{t("clientOf", { format: streams.client_format })}</span>
            </div>
          </div>
          <div role="rowgroup" className={styles.body} style={{ height: virtualizer.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index];
              if (row === undefined) return null;
              return (
                <div
                  key={row.number}
                  role="row"
                  ref={virtualizer.measureElement}
                  data-index={item.index}
                  data-at={item.index}
                  aria-rowindex={item.index + 2}
                  tabIndex={item.index === stop ? 0 : -1}
                  className={clsx(styles.place, item.index === current && text !== "" && hits.includes(current) && styles.found)}
                  style={{ transform: `translateY(${item.start}px)` }}
                  onFocus={() => setCurrent(item.index)}
                  onKeyDown={keyDown}
                >
                  <TwoStreamRow row={row} before={rows[item.index - 1]} view={view} text={text} />
                </div>
              );
            })}
          </div>
        </div>
        {rows.length === 0 && streams.rows.length > 0 && playback.shown === null && <p className={styles.note}>{t("noRows")}</p>}
      </div>
      <p role="status" className="sr-only">
        {running ? t("running") : t("finished", { count: streams.rows.length })}
      </p>
    </div>
  );
}

function fidelity(word: string): "bytes" | "frames" | "times" {
  return word === "bytes" || word === "frames" ? word : "times";
}
