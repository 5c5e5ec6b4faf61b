import { ChartColumn, Table } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { count, duration, percent, short, UNKNOWN } from "../../lib/format";
import { Bars } from "../../ui/Figures";
import { IconButton } from "../../ui/IconButton";
import styles from "./metrics.module.css";
import { type Bucket, holding, used } from "./spread";

const NAMES = ["total", "stream_total", "first_content", "chunk_gap", "overhead"] as const;

/** How one kind of latency is spread: a bar for each bucket, or the same as a table. */
export function Spread({ distribution }: { distribution: Schemas["Distribution"] }) {
  const { t } = useTranslation("metrics");
  const [asTable, setAsTable] = useState(false);
  const known = NAMES.find((each) => each === distribution.name);
  const name = known === undefined ? distribution.name : t(`spread.${known}`);
  const buckets = used(distribution.buckets);
  const facts = t("spread.facts", {
    number: count(distribution.count),
    mean: duration(distribution.mean_ms),
    p50: bound(holding(distribution.buckets, 0.5)),
    p95: bound(holding(distribution.buckets, 0.95)),
  });
  return (
    <figure className={styles.spread}>
      <figcaption className={styles.spreadHead}>
        <h3>{name}</h3>
        {buckets.length > 0 && (
          <IconButton icon={asTable ? ChartColumn : Table} small label={`${asTable ? t("spread.asChart") : t("spread.asTable")}: ${name}`} aria-pressed={asTable} onClick={() => setAsTable(!asTable)} />
        )}
      </figcaption>
      <p className={styles.note}>{buckets.length === 0 ? t("spread.none") : facts}</p>
      {buckets.length > 0 && (asTable ? <BucketTable buckets={buckets} total={distribution.count} name={name} /> : <Histogram buckets={buckets} label={t("spread.sentence", { name, facts })} />)}
    </figure>
  );
}

/** What is known of a value in a bucket: that it is not above its end. */
function bound(bucket: Bucket | null): string {
  if (bucket === null) return UNKNOWN;
  return bucket.up_to_ms === null ? `> ${duration(bucket.over_ms)}` : `≤ ${duration(bucket.up_to_ms)}`;
}

const BARS_HEIGHT = 90; // px
const BOUNDS_HEIGHT = 18; // px
const MOST_BOUNDS = 6; // beside each other
const MOST_COUNTS = 12;

function Histogram({ buckets, label }: { buckets: readonly Bucket[]; label: string }) {
  const ends = [buckets[0]?.over_ms ?? 0, ...buckets.map((bucket) => bucket.up_to_ms)];
  const top = Math.max(...buckets.map((bucket) => bucket.count), 1);
  const every = Math.ceil(ends.length / MOST_BOUNDS);
  return (
    <div className={styles.histogram}>
      {buckets.length <= MOST_COUNTS &&
        buckets.map(({ over_ms: over, count: number }, at) => (
          <span key={over} className={styles.number} style={{ left: `${((at + 0.5) / buckets.length) * 100}%`, bottom: `${BOUNDS_HEIGHT + (number / top) * BARS_HEIGHT}px` }} aria-hidden>
            {number === 0 ? "" : short(number)}
          </span>
        ))}
      <Bars bars={buckets.map((bucket) => [{ value: bucket.count, color: 1 }])} label={label} height={BARS_HEIGHT} />
      <div className={styles.bounds} aria-hidden>
        {ends.map((end, at) => {
          const last = at === buckets.length;
          // The last one always, and none that would touch it.
          if (!last && (at % every !== 0 || buckets.length - at < every)) return null;
          return (
            <span key={end ?? "rest"} style={{ left: `${(at / buckets.length) * 100}%` }}>
              {end === null ? "∞" : duration(end)}
            </span>
          );
        })}
      </div>
    </div>
  );
}

function BucketTable({ buckets, total, name }: { buckets: readonly Bucket[]; total: number; name: string }) {
  const { t } = useTranslation("metrics");
  return (
    // It scrolls, so the keyboard must reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.bucketTable} tabIndex={0} role="region" aria-label={name}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t("spread.column")}</th>
            <th scope="col">{t("spread.count")}</th>
            <th scope="col">{t("spread.share")}</th>
          </tr>
        </thead>
        <tbody>
          {buckets.map((bucket) => (
            <tr key={bucket.over_ms}>
              <th scope="row">{bucket.up_to_ms === null ? t("spread.over", { from: duration(bucket.over_ms) }) : t("spread.bucket", { from: duration(bucket.over_ms), to: duration(bucket.up_to_ms) })}</th>
              <td>{count(bucket.count)}</td>
              <td>{percent(bucket.count / total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
