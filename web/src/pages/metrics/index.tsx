import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { addTexts } from "../../i18n";
import en from "../../i18n/en/metrics";
import { type Filter, parseFilter, withTerm, writeFilter } from "../../lib/filter";
import { duration, time } from "../../lib/format";
import { useRange } from "../../lib/useRange";
import { Banner } from "../../ui/Banner";
import { Button, buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { FilterBar } from "../../ui/FilterBar";
import { Skeleton } from "../../ui/Skeleton";
import { useRangeLabel } from "../../ui/rangeLabel";
import { Breakdown } from "./Breakdown";
import { Charts } from "./Charts";
import { Choices } from "./Choices";
import styles from "./metrics.module.css";
import { FIELDS, fieldOf, toQuery } from "./query";
import type { Search } from "./search";
import { type Group } from "./series";
import { Spread } from "./Spread";
import { useMetrics } from "./useSeries";

addTexts("metrics", en);

const OUTCOMES = ["ok", "client", "upstream", "gateway", "left"] as const;

export function Page() {
  const { t } = useTranslation("metrics");
  const { range, text: rangeText, setRange } = useRange();
  const window = useRangeLabel(range);
  const { by = "model", p: percentile = "p95", q } = useSearch({ from: "/shell/metrics" });
  const navigate = useNavigate();
  const change = (next: { [K in keyof Search]: Search[K] | undefined }) => void navigate({ to: ".", search: (before: object) => ({ ...before, ...next }) } as never);
  const filter = useMemo(() => parseFilter(q ?? "", FIELDS), [q]);
  const setFilter = (next: Filter) => change({ q: writeFilter(next) || undefined });
  const { query, left } = useMemo(() => toQuery(filter), [filter]);
  const { series, spread } = useMetrics(range, by, query);
  const data = series.data;

  const nameOf = useCallback(
    (group: Group) => {
      if (group === data?.other) return t("other");
      const outcome = by === "outcome" ? OUTCOMES.find((each) => each === group.name) : undefined;
      if (outcome !== undefined) return t(`outcome.${outcome}`);
      return group.name === "" ? t("noName") : group.name;
    },
    [data, by, t],
  );
  const only = (group: Group): Filter | null => {
    const field = fieldOf(by);
    if (field === null || group.name === "") return null;
    return withTerm({ ...filter, terms: filter.terms.filter((term) => term.field !== field) }, { field, value: group.name, not: false, compare: "=" });
  };

  const empty = data?.groups.length === 0;
  return (
    <div className={styles.page}>
      <FilterBar filter={filter} fields={FIELDS} onChange={setFilter} example={t("filterExample")}>
        <Choices by={by} percentile={percentile} onBy={(next) => change({ by: next === "model" ? undefined : next })} onPercentile={(next) => change({ p: next === "p95" ? undefined : next })} />
      </FilterBar>
      {left.length > 0 && (
        <Banner tone="warn" inline>
          {t("cannot", { terms: left.join(", ") })}
        </Banner>
      )}
      {series.isError && data !== undefined && (
        <Banner tone="warn" inline action={<Button small onClick={() => void series.refetch()}>{t("retry", { ns: "ui" })}</Button>}>
          {t("stale", { time: time(series.dataUpdatedAt) })}
        </Banner>
      )}
      {series.isError && data === undefined && (
        <ErrorCard
          error={series.error}
          onRetry={() => void series.refetch()}
          {...(series.error instanceof ApiError && series.error.error === "no_request_log" && { title: t("noLog") })}
        />
      )}
      {series.isPending && <Loading />}
      {empty && (
        <Card>
          <EmptyState
            title={t("empty.title")}
            actions={
              <>
                {q !== undefined && (
                  <Button small onClick={() => change({ q: undefined })}>
                    {t("empty.clear")}
                  </Button>
                )}
                {!(range.kind === "last" && range.seconds >= 86_400) && (
                  <Button small onClick={() => setRange({ kind: "last", seconds: 86_400 })}>
                    {t("empty.day")}
                  </Button>
                )}
                <Link to="/playground" className={buttonClass("secondary", true)}>
                  {t("empty.first")}
                </Link>
              </>
            }
          >
            {t(q === undefined ? "empty.text" : "empty.filtered", { window })}
          </EmptyState>
        </Card>
      )}
      {data !== undefined && !empty && (
        <>
          <Charts data={data} by={t(`by.${by}`)} window={window} percentile={percentile} nameOf={nameOf} q={q} />
          <Breakdown
            data={data}
            by={t(`by.${by}`)}
            window={window}
            range={rangeText}
            nameOf={nameOf}
            requestsOf={(group) => {
              const narrowed = only(group);
              return narrowed === null ? null : { q: writeFilter(narrowed) };
            }}
            onOnly={(group) => {
              const narrowed = only(group);
              if (narrowed !== null) setFilter(narrowed);
            }}
          />
        </>
      )}
      {!series.isPending && (
        <Card title={t("spread.title")} {...(spread.data !== undefined && { note: t("spread.since", { span: duration(spread.data.uptime_seconds * 1000) }) })}>
          {spread.isError && spread.data === undefined && <ErrorCard error={spread.error} onRetry={() => void spread.refetch()} />}
          {spread.isPending && <Skeleton height={170} />}
          {spread.data?.distributions.every((each) => each.count === 0) === true ? (
            <p className={styles.note}>{t("spread.none")}</p>
          ) : (
            <div className={styles.spreads}>{spread.data?.distributions.map((each) => <Spread key={each.name} distribution={each} />)}</div>
          )}
        </Card>
      )}
    </div>
  );
}

function Loading() {
  const { t } = useTranslation();
  return (
    <div className={styles.charts} role="status" aria-label={t("loading")}>
      {[0, 1, 2, 3, 4, 5].map((at) => (
        <Skeleton key={at} height={266} />
      ))}
    </div>
  );
}
