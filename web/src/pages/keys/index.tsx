import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { KeyRound, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/keys";
import { buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { NoConfigFile } from "../../ui/Change";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { SkeletonRows } from "../../ui/Skeleton";
import { useHasFile } from "../../ui/useHasFile";
import { CreateKey } from "./CreateKey";
import { useKeys } from "./data";
import { KeyDrawer } from "./KeyDrawer";
import { KeyTable } from "./KeyTable";
import styles from "./keys.module.css";
import type { Search } from "./search";

addTexts("keys", en);

export function Page() {
  const { t } = useTranslation("keys");
  const { id, add }: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const show = (search: Search) => void navigate({ to: ".", search: (before: object) => ({ ...before, id: undefined, add: undefined, ...search }) } as never);
  const list = useKeys();
  const { hasFile, waiting } = useHasFile();
  const keys = list.data?.auth_keys;
  const at = keys?.findIndex((key) => key.id === id) ?? -1;
  const beside = (step: number) => {
    const other = at < 0 ? undefined : keys?.[at + step];
    return other === undefined ? undefined : () => show({ id: other.id });
  };
  const noLog = keys !== undefined && keys.length > 0 && keys.every((key) => key.usage_today === null);
  if (waiting) return <SkeletonRows count={6} />;
  return (
    <div className={styles.stack}>
      {hasFile === false && <NoConfigFile />}
      {list.error !== null && <ErrorCard error={list.error} onRetry={() => void list.refetch()} {...(keys !== undefined && { staleSince: list.dataUpdatedAt })} />}
      {(keys !== undefined || list.error === null) && (
        <Card
          title={t("title")}
          flush
          note={keys === undefined || keys.length === 0 ? undefined : noLog ? t("noLog") : t("window")}
          actions={
            <Link to="." search={(before: object) => ({ ...before, add: "1" as const })} className={buttonClass("primary", true)}>
              <Plus size={13} aria-hidden />
              {t("create.action")}
            </Link>
          }
        >
          {keys === undefined && <SkeletonRows count={4} />}
          {keys !== undefined && keys.length > 0 && <KeyTable keys={keys} selected={id} />}
          {keys?.length === 0 && (
            <EmptyState title={t("empty.title")} icon={KeyRound}>
              {list.data?.open_to_all === true ? t("empty.open") : hasFile === false ? t("empty.local") : t("empty.closed")}
            </EmptyState>
          )}
        </Card>
      )}
      {add !== undefined && <CreateKey hasFile={hasFile} onClose={() => show({})} />}
      {id !== undefined && add === undefined && (
        <KeyDrawer id={id} hasFile={hasFile} last={keys?.length === 1} openToAll={list.data?.open_to_all === true} onClose={() => show({})} onNext={beside(1)} onPrevious={beside(-1)} />
      )}
    </div>
  );
}
