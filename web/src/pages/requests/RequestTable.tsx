import { Link, useNavigate } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { ArrowUp, Download, GitCompareArrows } from "lucide-react";
import { type ReactNode, type Ref, useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { ApiError } from "../../api/error";
import { copyText } from "../../lib/clipboard";
import { type Filter, type Term, withoutTerm, writeTerm } from "../../lib/filter";
import { count } from "../../lib/format";
import { bounds, type Range } from "../../lib/range";
import { stringifySearch } from "../../lib/search";
import { Button, buttonClass } from "../../ui/Button";
import { DataTable, type DataTableHandle } from "../../ui/DataTable";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { Menu, MenuItem } from "../../ui/Menu";
import { SkeletonRows } from "../../ui/Skeleton";
import { useRangeLabel } from "../../ui/rangeLabel";
import { toast } from "../../ui/toasts";
import { useColumns } from "./columns";
import { type LogQuery, toQuery } from "./filterQuery";
import { Remark } from "./Remark";
import styles from "./requests.module.css";
import type { ListRow } from "./rows";
import type { useRequests } from "./useRequests";

export type RequestTableProps = {
  list: ReturnType<typeof useRequests>;
  range: Range;
  rangeText: string;
  filter: Filter;
  query: LogQuery;
  selected: string | undefined;
  handle: Ref<DataTableHandle>;
  onHold: (hold: boolean) => void;
  onFilter: (filter: Filter) => void;
  onRange: (range: Range) => void;
  onOpen: (row: ListRow) => void;
  onCompare: (ids: readonly string[]) => void;
};

export function RequestTable(props: RequestTableProps) {
  const { list, range, query, selected, handle, onHold, onOpen, onCompare } = props;
  const { t } = useTranslation("requests");
  const { pages, rows, waiting, release, retention } = list;
  const [picked, setPicked] = useState<readonly string[]>([]);
  const pick = useCallback((id: string) => setPicked((before) => (before.includes(id) ? before.filter((each) => each !== id) : [...before, id].slice(-2))), []);
  const columns = useColumns(picked, pick);
  const { fetchNextPage, hasNextPage, isFetchingNextPage, isFetchNextPageError } = pages;
  const onEnd = useMemo(() => () => void (hasNextPage && !isFetchingNextPage && !isFetchNextPageError && fetchNextPage()), [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  const copyId = (row: ListRow) => {
    const id = row.kind === "entry" ? row.entry.request_id : row.kind === "running" ? row.running.request_id : null;
    if (id !== null) void copyText(id).then((ok) => ok && toast("ok", t("row.copied")));
  };
  const stale = pages.isError && pages.data !== undefined && !isFetchNextPageError;
  return (
    <div className={styles.list}>
      {stale && <ErrorCard error={pages.error} title={t("stale")} staleSince={pages.dataUpdatedAt} onRetry={() => void pages.refetch()} />}
      {isFetchNextPageError && <ErrorCard error={pages.error} title={t("moreFailed")} onRetry={() => void fetchNextPage()} />}
      <DataTable
        name="requests"
        label={t("table")}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.key}
        {...(selected !== undefined && { selected })}
        total={hasNextPage ? -1 : rows.length}
        handle={handle}
        height="100%"
        onOpen={onOpen}
        onEnd={onEnd}
        onHold={onHold}
        onRowKey={(key, row) => {
          if (key === "c") copyId(row);
        }}
        wholeRow={(row) => (row.kind === "gap" || row.kind === "end" ? <Remark row={row} retention={retention} range={range} /> : null)}
        instead={rows.length === 0 ? <Instead {...props} /> : isFetchingNextPage ? <SkeletonRows count={2} /> : undefined}
        tools={
          <div className={styles.tools}>
            {waiting > 0 && (
              <Button
                small
                kind="primary"
                icon={ArrowUp}
                title={t("freshHint")}
                onClick={() => {
                  release();
                  if (handle !== null && typeof handle === "object") handle.current?.scrollToTop();
                }}
              >
                {t("fresh", { count: waiting })}
              </Button>
            )}
            <span className={styles.toolsEnd}>
              <Button small icon={GitCompareArrows} disabled={picked.length !== 2} title={t("actions.compareHint")} onClick={() => onCompare(picked)}>
                {t("actions.compare", { count: picked.length })}
              </Button>
              {picked.length > 0 && (
                <Button small kind="quiet" onClick={() => setPicked([])}>
                  {t("actions.clearPicks")}
                </Button>
              )}
              <ExportMenu range={range} query={query} />
            </span>
          </div>
        }
      />
    </div>
  );
}

/** The filtered set as a file: the gateway writes it, the browser saves it as it comes. */
function ExportMenu({ range, query }: { range: Range; query: LogQuery }) {
  const { t } = useTranslation("requests");
  const save = (as: "jsonl" | "csv") => {
    const { from, to } = bounds(range, Date.now());
    const written = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, typeof value === "boolean" ? String(value) : value]));
    const link = document.createElement("a");
    link.href = `/api/dashboard/logs/export${stringifySearch({ ...written, from: Math.floor(from), to: Math.ceil(to), as })}`;
    link.download = "";
    link.click();
  };
  return (
    <Menu
      trigger={
        <Button small icon={Download}>
          {t("actions.export")}
        </Button>
      }
    >
      <MenuItem onSelect={() => save("jsonl")}>{t("actions.jsonl")}</MenuItem>
      <MenuItem onSelect={() => save("csv")}>{t("actions.csv")}</MenuItem>
    </Menu>
  );
}

/** What stands in place of rows. */
function Instead({ list, range, rangeText, filter, query, onFilter, onRange }: RequestTableProps): ReactNode {
  const { t } = useTranslation("requests");
  const navigate = useNavigate();
  const window = useRangeLabel(range);
  const { pages } = list;
  if (pages.isPending) return <SkeletonRows count={12} />;
  if (pages.data === undefined) {
    if (pages.error instanceof ApiError && pages.error.error === "no_request_log") {
      return (
        <EmptyState
          title={t("off")}
          actions={
            <Link to="/config" className={buttonClass("secondary")}>
              {t("end.config")}
            </Link>
          }
        >
          {pages.error.message}
        </EmptyState>
      );
    }
    return <ErrorCard error={pages.error} onRetry={() => void pages.refetch()} />;
  }
  if (Object.keys(query).length > 0) return <NoMatch key={rangeText} range={range} filter={filter} query={query} onFilter={onFilter} />;
  return (
    <EmptyState
      title={t("empty.title")}
      actions={
        <>
          <Button onClick={() => onRange({ kind: "last", seconds: 7 * 86_400 })}>{t("empty.week")}</Button>
          <Button onClick={() => void navigate({ to: "/playground" })}>{t("empty.playground")}</Button>
        </>
      }
    >
      {t("empty.text", { window: window.charAt(0).toLowerCase() + window.slice(1) })}
    </EmptyState>
  );
}

/** Which term to give up, and what that would show. */
function NoMatch({ range, filter, query, onFilter }: { range: Range; filter: Filter; query: LogQuery; onFilter: (filter: Filter) => void }) {
  const { t } = useTranslation("requests");
  const last: Term | undefined = filter.terms.at(-1);
  const rest: Filter = last === undefined ? { ...filter, text: "" } : withoutTerm(filter, last);
  const name = last === undefined ? filter.text : writeTerm(last);
  const restKey = JSON.stringify(rest);
  const found = useQuery({
    queryKey: ["logs", "without", JSON.stringify(query), restKey],
    queryFn: () => {
      const { from, to } = bounds(range, Date.now());
      return call(api.GET("/api/dashboard/logs/stats", { params: { query: { ...toQuery(rest).query, from: Math.floor(from), to: Math.ceil(to) } } }));
    },
  });
  return (
    <EmptyState title={t("empty.noMatch")} actions={<Button onClick={() => onFilter(rest)}>{t("empty.remove", { term: name })}</Button>}>
      {found.data === undefined ? t("empty.noMatchAll") : t("empty.noMatchText", { term: name, number: count(found.data.total_entries) })}
    </EmptyState>
  );
}
