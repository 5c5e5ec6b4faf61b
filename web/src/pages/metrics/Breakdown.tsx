import { Link } from "@tanstack/react-router";
import { Filter as FilterIcon } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { count, duration, money, percent, rate, tokens } from "../../lib/format";
import { Card } from "../../ui/Card";
import { IconButton } from "../../ui/IconButton";
import styles from "./metrics.module.css";
import type { Group } from "./series";

export type BreakdownProps = {
  data: Schemas["GroupedSeries"];
  by: string;
  window: string;
  /** As the address has it. */
  range: string;
  nameOf: (group: Group) => string;
  /** The search of the requests of a group; null: they cannot be asked for. */
  requestsOf: (group: Group) => { q?: string } | null;
  onOnly: (group: Group) => void;
};

const COLUMNS = ["requests", "rate", "errors", "first50", "first95", "total50", "total95", "total99", "input", "output", "cost"] as const;

/** The same by name, in numbers; each leads to its requests. */
export function Breakdown({ data, by, window, range, nameOf, requestsOf, onOnly }: BreakdownProps) {
  const { t } = useTranslation("metrics");
  const all = data.other === null ? data.groups : [...data.groups, data.other];
  return (
    <Card title={t("table.title")} note={window} flush>
      {/* It scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={styles.wide} tabIndex={0} role="region" aria-label={t("table.title")}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{by}</th>
              {COLUMNS.map((column) => (
                <th key={column} scope="col">
                  {t(`table.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {all.map((group) => {
              const name = nameOf(group);
              const search = group === data.other ? null : requestsOf(group);
              return (
                <tr key={group === data.other ? "\u0000" : group.name}>
                  <th scope="row">
                    <span className={styles.name} title={name}>
                      {name}
                    </span>
                    {search !== null && <IconButton icon={FilterIcon} small label={t("table.only", { name })} onClick={() => onOnly(group)} />}
                  </th>
                  <Cells totals={group.totals} requests={search === null ? null : { ...search, range }} name={name} />
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Cells({ totals, requests, name }: { totals: Schemas["Totals"]; requests: { q?: string; range: string } | null; name: string }) {
  const { t } = useTranslation("metrics");
  return (
    <>
      <td>
        {requests === null ? (
          count(totals.total_entries)
        ) : (
          <Link to="/requests" search={requests} aria-label={`${count(totals.total_entries)}: ${t("table.show", { name })}`}>
            {count(totals.total_entries)}
          </Link>
        )}
      </td>
      <td>{rate(totals.requests_per_second)}</td>
      <td>{percent(totals.error_rate)}</td>
      <td>{duration(totals.p50_first_content_ms)}</td>
      <td>{duration(totals.p95_first_content_ms)}</td>
      <td>{duration(totals.p50_latency_ms)}</td>
      <td>{duration(totals.p95_latency_ms)}</td>
      <td>{duration(totals.p99_latency_ms)}</td>
      <td>{tokens(totals.input_tokens)}</td>
      <td>{tokens(totals.output_tokens)}</td>
      <td>{money(Number(totals.total_cost))}</td>
    </>
  );
}
