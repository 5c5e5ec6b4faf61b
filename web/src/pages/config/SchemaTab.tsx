import { useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { ErrorCard } from "../../ui/ErrorCard";
import { EmptyState } from "../../ui/EmptyState";
import { Field, Input } from "../../ui/Field";
import { SkeletonRows } from "../../ui/Skeleton";
import { Badge } from "../../ui/Status";
import { Button } from "../../ui/Button";
import styles from "./config.module.css";
import { useBook } from "./data";
import { defaultText, referenceOf, type ReferenceRow, typeText } from "./schema";
import { useSetSearch } from "./useSetSearch";

/** Every key of the configuration: what it does, what it takes, and what it is when nobody says. */
export function SchemaTab() {
  const { t } = useTranslation("config");
  const { book, error, retry } = useBook();
  const { q = "" } = useSearch({ strict: false });
  const set = useSetSearch();
  const all = useMemo(() => (book === null ? [] : referenceOf(book)), [book]);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = all.filter((row) => words.every((word) => `${row.path} ${row.facts.description}`.toLowerCase().includes(word)));
  if (book === null) return error === null ? <SkeletonRows /> : <ErrorCard error={error} onRetry={retry} />;
  return (
    <>
      <div className={styles.filters}>
        <Field label={t("schema.filter")} hideLabel>
          {(control) => <Input {...control} type="search" value={q} placeholder={t("schema.filter")} onChange={(event) => set({ q: event.target.value })} />}
        </Field>
        <span className={styles.muted}>{t("schema.count", { count: rows.length })}</span>
      </div>
      {rows.length === 0 ? (
        <EmptyState title={t("schema.noMatch")} actions={<Button onClick={() => set({ q: undefined })}>{t("schema.all")}</Button>} />
      ) : (
        <ul className={styles.reference} aria-label={t("tabs.schema")}>
          {rows.map((row) => (
            <Key key={row.path} row={row} flat={words.length > 0} />
          ))}
        </ul>
      )}
    </>
  );
}

/** What stands between backticks is code. */
function marked(text: string): ReactNode[] {
  return text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}

function Key({ row, flat }: { row: ReferenceRow; flat: boolean }) {
  const { t } = useTranslation("config");
  const { facts, path, depth } = row;
  const usual = defaultText(facts.fallback);
  const words = facts.words.filter((word) => typeof word === "string");
  return (
    <li className={clsx(styles.key, depth === 0 && !flat && styles.top)} style={{ paddingLeft: flat ? undefined : `calc(var(--space-4) + ${depth * 20}px)` }}>
      <div className={styles.keyHead}>
        <code className={styles.keyName}>{path}</code>
        <span className={styles.muted}>{words.length > 0 ? words.join(" | ") : typeText(facts, t("to"))}</span>
        {usual !== undefined && <span className={styles.muted}>{t("editor.default", { value: usual })}</span>}
        {facts.secret && <Badge>{t("schema.secret")}</Badge>}
        {facts.deprecated && <Badge tone="warn">{t("schema.deprecated")}</Badge>}
      </div>
      {facts.description !== "" && <p>{marked(facts.description)}</p>}
    </li>
  );
}
