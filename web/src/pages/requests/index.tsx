import { useNavigate, useSearch } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { addTexts } from "../../i18n";
import en from "../../i18n/en/requests";
import { lazyPart } from "../../lib/chunks";
import { type Filter, parseFilter, writeFilter, writeTerm } from "../../lib/filter";
import { useRange } from "../../lib/useRange";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import type { DataTableHandle } from "../../ui/DataTable";
import { Drawer } from "../../ui/Dialog";
import { FilterBar } from "../../ui/FilterBar";
import { Skeleton } from "../../ui/Skeleton";
import { Compare } from "./Compare";
import { filterFields, toQuery } from "./filterQuery";
import { Histogram } from "./Histogram";
import styles from "./requests.module.css";
import { RequestTable } from "./RequestTable";
import type { ListRow } from "./rows";
import type { Search } from "./search";
import { useRequests } from "./useRequests";

addTexts("requests", en);

const loadDetail = async () => (await import("../../ui/request/RequestDetail")).RequestDetail;
const RequestDetail = lazyPart(loadDetail);

export function Page() {
  const { t } = useTranslation("requests");
  const { q = "", id, tab, compare } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { range, text: rangeText, setRange } = useRange();
  const [hold, setHold] = useState(false);
  const table = useRef<DataTableHandle>(null);

  const names = useQuery({ queryKey: ["logs", "names"], queryFn: () => call(api.GET("/api/dashboard/logs/filters")), staleTime: 60_000, retry: false });
  const fields = useMemo(() => {
    const known = names.data;
    return filterFields(
      known === undefined
        ? {}
        : {
            provider: known.providers,
            credential: known.credentials,
            model: known.models,
            served: known.served_models,
            key: known.keys,
            format: known.formats,
            upstream: known.upstream_formats,
            endpoint: known.endpoints,
            error: known.errors,
          },
    );
  }, [names.data]);
  const filter = useMemo(() => parseFilter(q, fields), [q, fields]);
  const { query, ignored } = useMemo(() => toQuery(filter), [filter]);
  const list = useRequests(range, rangeText, query, hold || id !== undefined);

  const search = useCallback((change: { [K in keyof Search]: Search[K] | undefined }) => void navigate({ to: ".", search: (before: object) => ({ ...before, ...change }) } as never), [navigate]);
  const setFilter = (next: Filter) => {
    const written = writeFilter(next);
    search({ q: written === "" ? undefined : written });
  };
  const narrow = useCallback((from: number, to: number) => setRange({ kind: "between", from, to }), [setRange]);
  const rows = list.rows;
  const shown = rows.length > 0;
  useEffect(() => {
    // What a row opens comes behind the rows, so that it is there when one is opened.
    // Without it the page is as good: a failure is told when it is opened.
    if (shown) loadDetail().catch(() => undefined);
  }, [shown]);
  const at = rows.findIndex((row) => requestId(row) === id && id !== undefined);
  const beside = (by: 1 | -1) => {
    for (let to = at + by; at >= 0 && to >= 0 && to < rows.length; to += by) {
      const row = rows[to];
      const found = row === undefined ? undefined : requestId(row);
      if (found !== undefined) return () => search({ id: found });
    }
    return undefined;
  };
  const pair = compare?.split(" ") ?? [];
  return (
    <div className={styles.page}>
      <Histogram range={range} rangeText={rangeText} query={query} onSelect={narrow} />
      <FilterBar filter={filter} fields={fields} onChange={setFilter} example={t("filter.example")} />
      {ignored.length > 0 && (
        <Banner
          tone="warn"
          inline
          action={
            <Button small onClick={() => setFilter({ ...filter, terms: filter.terms.filter((term) => !ignored.includes(term)) })}>
              {t("filter.removeIgnored")}
            </Button>
          }
        >
          {t("filter.ignored", { terms: ignored.map(writeTerm).join(" ") })}
        </Banner>
      )}
      <RequestTable
        list={list}
        range={range}
        rangeText={rangeText}
        filter={filter}
        query={query}
        selected={at >= 0 ? rows[at]?.key : undefined}
        handle={table}
        onHold={setHold}
        onFilter={setFilter}
        onRange={setRange}
        onOpen={(row) => search({ id: requestId(row), tab: undefined })}
        onCompare={(ids) => search({ compare: ids.join(" ") })}
      />
      {id !== undefined && (
        <Drawer
          name="request"
          title={t("drawer")}
          onClose={() => search({ id: undefined, tab: undefined })}
          onNext={beside(1)}
          onPrevious={beside(-1)}
          returnTo={() => (at >= 0 && rows[at] !== undefined ? (table.current?.rowElement(rows[at].key) ?? null) : null)}
        >
          <Suspense fallback={<Skeleton height={420} />}>
            <RequestDetail key={id} id={id} tab={tab} onTab={(next) => search({ tab: next })} />
          </Suspense>
        </Drawer>
      )}
      {pair.length === 2 && pair[0] !== undefined && pair[1] !== undefined && (
        <Compare first={pair[0]} second={pair[1]} onClose={() => search({ compare: undefined })} />
      )}
    </div>
  );
}

function requestId(row: ListRow): string | undefined {
  if (row.kind === "entry") return row.entry.request_id;
  return row.kind === "running" ? row.running.request_id : undefined;
}
