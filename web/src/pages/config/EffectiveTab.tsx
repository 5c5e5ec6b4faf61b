import { Link, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { Badge } from "../../ui/Status";
import { Button } from "../../ui/Button";
import { type Column, DataTable } from "../../ui/DataTable";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { Field, Input, Select } from "../../ui/Field";
import { SkeletonRows } from "../../ui/Skeleton";
import styles from "./config.module.css";
import { useCurrent } from "./data";
import { useSetSearch } from "./useSetSearch";

type Value = Schemas["Effective"];

const SOURCES = ["file", "environment", "flag", "default"] as const;

/** Every value that is in force, and where it comes from. */
export function EffectiveTab() {
  const { t } = useTranslation("config");
  const { data, error, refetch, dataUpdatedAt } = useCurrent();
  const { q = "", source = "" } = useSearch({ strict: false });
  const set = useSetSearch();
  const rows = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    return (data?.values ?? []).filter((value) => (source === "" || value.source === source) && words.every((word) => `${value.path} ${shown(value.value)} ${value.origin ?? ""}`.toLowerCase().includes(word)));
  }, [data, q, source]);
  const columns = useColumns();
  if (error !== null && data === undefined) return <ErrorCard error={error} onRetry={() => void refetch()} />;
  if (data?.values.length === 0) return <EmptyState title={t("effective.emptyTitle")}>{t("effective.empty")}</EmptyState>;
  const instead =
    data === undefined ? (
      <SkeletonRows />
    ) : rows.length === 0 ? (
      <EmptyState title={t("effective.noMatch", { count: data.values.length })} actions={<Button onClick={() => set({ q: undefined, source: undefined })}>{t("effective.all")}</Button>} />
    ) : undefined;
  return (
    <>
      {error !== null && <ErrorCard error={error} onRetry={() => void refetch()} staleSince={dataUpdatedAt} />}
      <div className={styles.panel}>
        <DataTable<Value>
          name="config-effective"
          label={t("tabs.effective")}
          columns={columns}
          rows={rows}
          rowKey={(row) => row.path}
          height="max(320px, calc(100dvh - 138px))"
          tools={
              <div className={styles.tableTools}>
                <Field label={t("effective.filter")} hideLabel>
                  {(control) => <Input {...control} small type="search" value={q} placeholder={t("effective.filter")} onChange={(event) => set({ q: event.target.value })} />}
                </Field>
                <Field label={t("effective.source")} hideLabel>
                  {(control) => (
                    <Select {...control} small value={source} onChange={(event) => set({ source: event.target.value })} options={[{ value: "", label: t("effective.anySource") }, ...SOURCES.map((each) => ({ value: each, label: t(`effective.from.${each}`) }))]} />
                  )}
                </Field>
                <span className={styles.muted} role="status">
                  {data !== undefined && t("effective.count", { count: rows.length, total: data.values.length })}
                </span>
              </div>
          }
          instead={instead}
        />
      </div>
    </>
  );
}

function useColumns(): readonly Column<Value>[] {
  const { t } = useTranslation("config");
  // On a phone the value is in sight beside its key.
  const narrow = window.innerWidth <= 720;
  return useMemo(
    () => [
      { id: "path", label: t("effective.path"), size: narrow ? 200 : 340, cell: (row) => <code title={row.path}>{row.path}</code> },
      { id: "value", label: t("effective.value"), size: narrow ? 150 : 320, cell: (row) => (row.value === null ? <span className={styles.muted}>{t("effective.unset")}</span> : <code title={shown(row.value)}>{shown(row.value)}</code>) },
      { id: "source", label: t("effective.source"), size: 130, cell: (row) => (row.source === "default" ? <span className={styles.muted}>{t("effective.from.default")}</span> : <Badge>{t(`effective.from.${row.source as "file"}`)}</Badge>) },
      {
        id: "origin",
        label: t("effective.origin"),
        size: 260,
        cell: (row) => (
          <span className={styles.origin}>
            {row.line !== null && (
              <Link to="/config" search={{ at: row.path, line: String(row.line) }}>
                {t("line", { line: row.line })}
              </Link>
            )}
            {row.origin !== null && <code>{row.origin}</code>}
          </span>
        ),
      },
    ],
    [t, narrow],
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? (value === "" ? '""' : value) : JSON.stringify(value);
}
