import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { addTexts } from "../../i18n";
import en from "../../i18n/en/models";
import { time } from "../../lib/format";
import { useShortcut } from "../../lib/useShortcut";
import { Banner } from "../../ui/Banner";
import { Button, buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { Checkbox, Field, Input } from "../../ui/Field";
import { SkeletonRows } from "../../ui/Skeleton";
import { Ask } from "./Ask";
import { ModelDrawer } from "./ModelDrawer";
import styles from "./models.module.css";
import { ModelTable } from "./ModelTable";
import { keyOf, listed, type Model } from "./rows";
import type { Search } from "./search";

addTexts("models", en);

/** Holds the place of the note until there is one: on a small screen it has a line of its own. */
const NO_NOTE = "\u00a0";

const REFRESH = 15_000; // ms: standing and last use change by themselves

export function Page() {
  const { t } = useTranslation("models");
  const search = useSearch({ from: "/shell/models" });
  const navigate = useNavigate();
  const change = (next: { [K in keyof Search]: Search[K] | undefined }, replace = false) =>
    void navigate({ to: ".", search: (before: object) => ({ ...before, ...next }), replace } as never);
  const query = useQuery({ queryKey: ["models", "list"], queryFn: () => call(api.GET("/api/dashboard/models")), refetchInterval: REFRESH });
  const box = useRef<HTMLInputElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  useShortcut("/", () => box.current?.focus());

  const all = useMemo(() => query.data?.models ?? [], [query.data]);
  const { find, only, sort, order } = search;
  const rows = useMemo(() => listed(all, { ...(find !== undefined && { find }), ...(only !== undefined && { only }), ...(sort !== undefined && { sort }), ...(order !== undefined && { order }) }), [all, find, only, sort, order]);
  const at = rows.findIndex((row) => keyOf(row) === search.open);
  const open = rows[at] ?? all.find((row) => keyOf(row) === search.open);
  const go = (to: Model | undefined) => (to === undefined ? undefined : () => change({ open: keyOf(to) }, true));
  const warned = all.filter((row) => row.warnings.length > 0).length;
  const names = useMemo(() => all.map((row) => row.name).filter((name) => !name.includes("*")), [all]);

  return (
    <div className={styles.page}>
      <Ask
        model={search.ask ?? ""}
        format={search.format ?? "chat"}
        as={search.as ?? ""}
        names={names}
        onChange={({ ask, format, as }) =>
          change({ ...(ask !== undefined && { ask: ask || undefined }), ...(format !== undefined && { format: format === "chat" ? undefined : format }), ...(as !== undefined && { as: as || undefined }) }, true)
        }
      />
      {query.isError && query.data !== undefined && (
        <Banner tone="warn" inline action={<Button small onClick={() => void query.refetch()}>{t("retry", { ns: "ui" })}</Button>}>
          {t("stale", { time: time(query.dataUpdatedAt) })}
        </Banner>
      )}
      <div ref={frame}>
        <Card title={t("table.label")} flush note={query.data === undefined ? NO_NOTE : t("table.shown", { shown: rows.length, total: all.length })}>
          <ModelTable
            rows={rows}
            selected={search.open}
            sort={sort === undefined ? undefined : { column: sort, descending: order === "down" }}
            onSort={({ column, descending }) => change({ sort: column as Search["sort"], order: descending ? "down" : undefined })}
            onOpen={(row) => change({ open: keyOf(row) })}
            instead={instead(query.isPending, query.isError && query.data === undefined ? query.error : null)}
            tools={
              <div className={styles.tools}>
                <Field label={t("table.filter")} hideLabel>
                  {(control) => (
                    <Input {...control} ref={box} small type="search" placeholder={t("table.filter")} value={find ?? ""} onChange={(event) => change({ find: event.target.value || undefined }, true)} />
                  )}
                </Field>
                <Checkbox label={t("table.onlyWarnings", { count: warned })} checked={only !== undefined} disabled={warned === 0 && only === undefined} onChange={(event) => change({ only: event.target.checked ? "warnings" : undefined })} />
              </div>
            }
          />
        </Card>
      </div>
      {open !== undefined && query.data !== undefined && (
        <ModelDrawer
          model={open}
          pricesDate={query.data.prices_date}
          onClose={() => change({ open: undefined })}
          onNext={at === -1 ? undefined : go(rows[at + 1])}
          onPrevious={at === -1 ? undefined : go(rows[at - 1])}
          onAsk={(ask) => change({ ask, open: undefined })}
          returnTo={() => frame.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(keyOf(open))}"]`) ?? null}
        />
      )}
    </div>
  );

  /** What stands in place of rows. */
  function instead(pending: boolean, error: unknown) {
    if (pending) return <SkeletonRows count={8} />;
    if (error !== null) return <ErrorCard error={error} onRetry={() => void query.refetch()} />;
    if (rows.length > 0) return null;
    if (all.length > 0) {
      return (
        <EmptyState
          title={t("empty.noMatch")}
          actions={
            <Button small onClick={() => change({ find: undefined, only: undefined })}>
              {t("empty.clear")}
            </Button>
          }
        >
          {t("empty.noMatchText", { count: all.length })}
        </EmptyState>
      );
    }
    return (
      <EmptyState
        title={t("empty.title")}
        actions={
          <Link to="/providers" search={{ add: "choose" }} className={buttonClass("secondary", true)}>
            {t("empty.action")}
          </Link>
        }
      >
        {t("empty.text")}
      </EmptyState>
    );
  }
}
