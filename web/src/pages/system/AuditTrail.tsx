import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { fullTime, time } from "../../lib/format";
import { Card } from "../../ui/Card";
import { type Column, DataTable, type DataTableHandle } from "../../ui/DataTable";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { SkeletonRows } from "../../ui/Skeleton";
import { AuditDrawer } from "./AuditDrawer";
import { type AuditRecord, useAudit } from "./data";
import type { Search } from "./search";
import styles from "./system.module.css";

/** Who changed what, and who came in; more comes as one scrolls. */
export function AuditTrail() {
  const { t } = useTranslation("system");
  const navigate = useNavigate();
  const { record: open } = useSearch({ from: "/shell/system" });
  const handle = useRef<DataTableHandle>(null);
  const { data, error, isError, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useAudit();
  const records = data?.pages.flatMap((page) => page.records) ?? [];
  const show = (record: string | undefined) => void navigate({ to: "/system", replace: open !== undefined, search: (before) => ({ ...before, record }) as Search });
  const columns: Column<AuditRecord>[] = [
    { id: "time", label: t("audit.time"), size: 100, cell: (row) => <time dateTime={new Date(row.timestamp).toISOString()} title={fullTime(row.timestamp)}>{time(row.timestamp)}</time> },
    { id: "who", label: t("audit.who"), size: 100, cell: (row) => (row.who === "" ? <span className={styles.muted}>{t("audit.nobody")}</span> : row.who) },
    { id: "action", label: t("audit.action"), size: 160, cell: (row) => <code>{row.action}</code> },
    { id: "target", label: t("audit.target"), size: 180, cell: (row) => row.target },
    { id: "address", label: t("audit.address"), size: 130, cell: (row) => row.address },
    { id: "effects", label: t("audit.effects"), size: 320, cell: (row) => row.effects.join("; ") },
    { id: "seq", label: t("audit.seq"), size: 90, align: "end", hidden: true, cell: (row) => row.seq },
  ];
  return (
    <Card flush>
      <DataTable
        name="audit"
        label={t("audit.label")}
        tools={<h2 className={styles.auditTitle}>{t("audit.title")}</h2>}
        columns={columns}
        rows={records}
        rowKey={(row) => String(row.seq)}
        onOpen={(row) => show(String(row.seq))}
        selected={open}
        total={hasNextPage ? -1 : records.length}
        onEnd={() => {
          if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
        }}
        handle={handle}
        height={records.length === 0 ? 260 : `min(420px, calc(78px + ${records.length} * var(--row)))`}
        instead={records.length === 0 && <Instead error={isError ? error : null} loaded={data !== undefined} onRetry={() => void refetch()} />}
      />
      {isError && records.length > 0 && <ErrorCard error={error} onRetry={() => void refetch()} />}
      {open !== undefined && data !== undefined && (
        <AuditDrawer records={records} open={open} onOpen={show} onClose={() => show(undefined)} returnTo={() => handle.current?.rowElement(open) ?? null} />
      )}
    </Card>
  );
}

function Instead({ error, loaded, onRetry }: { error: Error | null; loaded: boolean; onRetry: () => void }) {
  const { t } = useTranslation("system");
  if (error !== null) return <ErrorCard error={error} onRetry={onRetry} />;
  return loaded ? <EmptyState title={t("audit.none")}>{t("audit.noneText")}</EmptyState> : <SkeletonRows count={5} />;
}
