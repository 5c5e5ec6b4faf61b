import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { type KeyboardEvent, memo, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { count, duration, percent, time } from "../../lib/format";
import { bounds, type Range } from "../../lib/range";
import { useLive } from "../../live";
import { ErrorCard } from "../../ui/ErrorCard";
import { useRangeLabel } from "../../ui/rangeLabel";
import type { LogQuery } from "./filterQuery";
import styles from "./requests.module.css";

const EVERY = 10_000; // ms
const TICKS = [0, 0.25, 0.5, 0.75, 1]; // of the range

type Bar = { at: number; ok: number; client: number; server: number };

type HistogramProps = { range: Range; rangeText: string; query: LogQuery; onSelect: (from: number, to: number) => void };

/** Requests over the range by class of status. Dragging, or choosing bars, narrows it. */
export const Histogram = memo(function Histogram({ range, rangeText, query, onSelect }: HistogramProps) {
  const { t } = useTranslation("requests");
  const paused = useLive((live) => live.paused);
  const window = useRangeLabel(range);
  const found = useQuery({
    queryKey: ["logs", "histogram", rangeText, JSON.stringify(query)],
    queryFn: () => load(range, query),
    refetchInterval: range.kind === "last" && !paused ? EVERY : false,
  });
  if (found.isError && found.data === undefined) return <ErrorCard error={found.error} onRetry={() => void found.refetch()} />;
  const { bars, step, failed } = found.data ?? { bars: [], step: 0, failed: 0 };
  const total = bars.reduce((sum, bar) => sum + bar.ok + bar.client + bar.server, 0);
  return (
    <section className={styles.histogram} aria-label={t("histogram.title")}>
      <div className={styles.histogramHead}>
        <strong className={styles.sum}>
          {found.isPending ? t("histogram.counting") : total === 0 ? t("histogram.none") : t("histogram.sum", { total: count(total), rate: percent(failed / total) })}
        </strong>
        <span className={clsx(styles.muted, styles.scale)}>{total === 0 ? window : `${window} · ${t("histogram.most", { number: count(most(bars)), step: step < 60_000 ? `${count(step / 1000)}\u202fs` : duration(step) })}`}</span>
        <span className={styles.legend}>
          <span className={styles.ok}>{t("histogram.ok")}</span>
          <span className={styles.client}>{t("histogram.client")}</span>
          <span className={styles.server}>{t("histogram.server")}</span>
        </span>
      </div>
      {found.isPending ? <div className={styles.bars} /> : <Brush bars={bars} step={step} onSelect={onSelect} />}
      <div className={styles.axis} aria-hidden>
        {TICKS.map((share) => (
          <span key={share}>{found.isPending ? "\u00a0" : time((bars[0]?.at ?? 0) + share * bars.length * step)}</span>
        ))}
      </div>
    </section>
  );
});

/** What the highest bar stands for. */
function most(bars: readonly Bar[]): number {
  return Math.max(1, ...bars.map((bar) => bar.ok + bar.client + bar.server));
}

/** The sums of the range, and of its two classes of failure. */
async function load(range: Range, query: LogQuery): Promise<{ bars: Bar[]; step: number; failed: number }> {
  const { from, to } = bounds(range, Date.now());
  const stats = (status?: string) =>
    call(api.GET("/api/dashboard/logs/stats", { params: { query: { ...query, from: Math.ceil(from) + 1, to: Math.floor(to), ...(status !== undefined && { status }) } } }));
  const wanted = query.status;
  const one = wanted === undefined ? undefined : wanted.startsWith("4") ? "client" : wanted.startsWith("5") ? "server" : "ok";
  const [all, client, server] = await Promise.all([stats(wanted), one === undefined ? stats("4xx") : null, one === undefined ? stats("5xx") : null]);
  const bars = all.series.map((point, at) => {
    const four = one === "client" ? point.requests : (client?.series[at]?.requests ?? 0);
    const five = one === "server" ? point.requests : (server?.series[at]?.requests ?? 0);
    return { at: point.at, ok: Math.max(0, point.requests - four - five), client: four, server: five };
  });
  return { bars, step: all.step * 1000, failed: all.error_count };
}

function Brush({ bars, step, onSelect }: { bars: readonly Bar[]; step: number; onSelect: (from: number, to: number) => void }) {
  const { t } = useTranslation("requests");
  const [current, setCurrent] = useState(0);
  const [span, setSpan] = useState<{ from: number; to: number; dragging: boolean } | null>(null);
  const top = most(bars);
  const low = span === null ? -1 : Math.min(span.from, span.to);
  const high = span === null ? -1 : Math.max(span.from, span.to);
  const select = () => {
    const first = bars[low];
    const last = bars[high];
    setSpan(null);
    if (first !== undefined && last !== undefined) onSelect(first.at, last.at + step - 1);
  };
  const keyDown = (event: KeyboardEvent, at: number) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by !== 0) {
      event.preventDefault();
      const to = Math.max(0, Math.min(at + by, bars.length - 1));
      setCurrent(to);
      setSpan(event.shiftKey ? { from: span?.from ?? at, to, dragging: false } : null);
      const next = event.currentTarget.parentElement?.children[to];
      if (next instanceof HTMLElement) next.focus();
    } else if (event.key === "Escape") {
      setSpan(null);
    }
  };
  return (
    <div role="group" aria-label={t("histogram.label")} className={styles.bars} onPointerLeave={() => span?.dragging === true && setSpan(null)}>
      {bars.map((bar, at) => {
        const words = t("histogram.bar", { time: time(bar.at), total: count(bar.ok + bar.client + bar.server), client: count(bar.client), server: count(bar.server) });
        return (
          <button
            key={bar.at}
            type="button"
            tabIndex={at === Math.min(current, bars.length - 1) ? 0 : -1}
            className={clsx(styles.bar, at >= low && at <= high && styles.brushed)}
            aria-label={words}
            title={words}
            onPointerDown={(event) => {
              // The pointer must be free to enter the others.
              event.currentTarget.releasePointerCapture(event.pointerId);
              setSpan({ from: at, to: at, dragging: true });
            }}
            onPointerEnter={() => span?.dragging === true && setSpan({ ...span, to: at })}
            onClick={() => {
              if (span === null) onSelect(bar.at, bar.at + step - 1);
              else select();
            }}
            onPointerUp={() => span?.dragging === true && span.from !== at && select()}
            onKeyDown={(event) => keyDown(event, at)}
          >
            {(["server", "client", "ok"] as const).map((part) => bar[part] > 0 && <span key={part} className={styles[part]} style={{ height: `max(2px, ${(bar[part] / top) * 100}%)` }} />)}
          </button>
        );
      })}
    </div>
  );
}
