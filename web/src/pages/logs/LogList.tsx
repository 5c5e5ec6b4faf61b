import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useShortcut } from "../../lib/useShortcut";
import type { Span } from "../../live";
import { GapMark } from "./GapMark";
import { LogRow } from "./LogRow";
import styles from "./logs.module.css";
import { type Line, lineKey } from "./records";

const LINE = 26; // px
const NEAR_END = 24; // px from the end that still count as being there

export type LogListProps = {
  lines: readonly Line[];
  wrap: boolean;
  /** The end stays in view. */
  follow: boolean;
  onFollow: (follow: boolean) => void;
  onRequest: (id: string) => void;
  onFill: (span: Span) => Promise<void>;
  filling: boolean;
  /** Above the first line. */
  head: ReactNode;
  /** In place of lines. */
  instead?: ReactNode;
};

/** Lines of the log, the newest at the end; only those in view are in the document. */
export function LogList({ lines, wrap, follow, onFollow, onRequest, onFill, filling, head, instead }: LogListProps) {
  const { t } = useTranslation("logs");
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string | null>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    getItemKey: (at) => {
      const line = lines[at];
      return line === undefined ? at : lineKey(line);
    },
    overscan: 8,
    initialRect: { width: 1000, height: 600 },
  });
  const items = virtualizer.getVirtualItems();
  const at = current === null ? -1 : lines.findIndex((line) => lineKey(line) === current);
  const stop = at >= 0 && items.some((item) => item.index === at) ? at : (items.at(-1)?.index ?? 0);

  // Older lines came in above: what was in view stays there.
  const first = lines[0] === undefined ? null : lineKey(lines[0]);
  const before = useRef({ first, count: lines.length });
  useLayoutEffect(() => {
    const was = before.current;
    before.current = { first, count: lines.length };
    const moved = was.first === null ? -1 : lines.findIndex((line) => lineKey(line) === was.first);
    if (!follow && moved > 0 && scroller.current !== null) scroller.current.scrollTop += moved * LINE;
  }, [first, lines, follow]);
  useEffect(() => {
    if (follow && lines.length > 0) virtualizer.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, wrap, virtualizer]);

  const go = (to: number) => {
    const index = Math.max(0, Math.min(to, lines.length - 1));
    const line = lines[index];
    if (line === undefined) return;
    if (index < lines.length - 1) onFollow(false);
    setCurrent(lineKey(line));
    virtualizer.scrollToIndex(index);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-key="${lineKey(line)}"]`)?.focus({ preventScroll: true }));
  };
  useShortcut("j", () => go(at < 0 ? stop : at + 1));
  useShortcut("k", () => go(at < 0 ? stop : at - 1));
  const toggle = (key: string) =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  const pressed = (event: KeyboardEvent, index: number, key: string) => {
    if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / LINE) - 2);
    const moves: Record<string, number> = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: lines.length - 1 };
    const to = moves[event.key];
    if (to === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (to === undefined) toggle(key);
    else go(to);
  };

  return (
    <div
      ref={scroller}
      className={styles.scroller}
      onWheel={(event) => {
        if (event.deltaY < 0) onFollow(false);
      }}
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        if (!follow && lines.length > 0 && scrollHeight > clientHeight && scrollHeight - scrollTop - clientHeight < NEAR_END) onFollow(true);
      }}
    >
      {head}
      <div role="table" aria-label={t("label")} aria-rowcount={lines.length + 1} className={styles.table}>
        <div role="rowgroup" className={styles.headGroup}>
          <div role="row" aria-rowindex={1} className={styles.headRow}>
            <span role="columnheader" className={styles.fold}>
              <span className="sr-only">{t("details")}</span>
            </span>
            {(["time", "level", "logger", "message", "request"] as const).map((name) => (
              <span key={name} role="columnheader" className={styles[name === "level" ? "word" : name]}>
                {t(`column.${name}`)}
              </span>
            ))}
          </div>
        </div>
        {lines.length > 0 && (
          <div role="rowgroup" className={styles.body} style={{ height: virtualizer.getTotalSize() }}>
            {items.map((item) => {
              const line = lines[item.index];
              if (line === undefined) return null;
              const key = lineKey(line);
              return (
                <div
                  key={item.key}
                  ref={virtualizer.measureElement}
                  data-index={item.index}
                  data-key={key}
                  role="row"
                  aria-rowindex={item.index + 2}
                  tabIndex={item.index === stop ? 0 : -1}
                  className={styles.row}
                  data-level={line.kind === "record" ? line.record.level : undefined}
                  style={{ transform: `translateY(${item.start}px)` }}
                  onFocus={() => setCurrent(key)}
                  onKeyDown={(event) => pressed(event, item.index, key)}
                >
                  {line.kind === "gap" ? (
                    <GapMark span={line.span} busy={filling} onFill={onFill} />
                  ) : (
                    <LogRow record={line.record} wrap={wrap} open={open.has(key)} onToggle={() => toggle(key)} onRequest={onRequest} />
                  )}
                </div>
              );
            })}
          </div>
        )}
      </div>
      {instead}
    </div>
  );
}
