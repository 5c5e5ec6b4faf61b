import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowDown, SearchX } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { addTexts } from "../../i18n";
import en from "../../i18n/en/logs";
import { count, time } from "../../lib/format";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { SkeletonRows } from "../../ui/Skeleton";
import { type Logs, useLogs } from "./data";
import { LogList } from "./LogList";
import styles from "./logs.module.css";
import { anyWanted, type Wanted } from "./records";
import { Tools } from "./Tools";

addTexts("logs", en);

/** The gateway's own log: what it says of itself, as it says it. */
export function Page() {
  const { t } = useTranslation("logs");
  const search = useSearch({ from: "/shell/logs" });
  const navigate = useNavigate();
  const { level, logger, q, request } = search;
  const wanted = useMemo<Wanted>(
    () => ({ ...(level !== undefined && { level }), ...(logger !== undefined && { logger }), ...(q !== undefined && { q }), ...(request !== undefined && { request }) }),
    [level, logger, q, request],
  );
  const [follow, setFollow] = useState(true);
  const logs = useLogs(wanted, !follow);
  const { pages, lines, waiting } = logs;
  if (pages.data === undefined && pages.error instanceof ApiError && pages.error.error === "no_app_log") {
    return <EmptyState title={t("none.title")}>{pages.error.message}</EmptyState>;
  }
  return (
    <div className={styles.page}>
      <Tools search={search} wanted={wanted} lines={lines} follow={follow} onFollow={setFollow} />
      {pages.isError && pages.data !== undefined && (
        <Banner tone="warn" inline action={<Button small onClick={() => void pages.refetch()}>{t("retry", { ns: "ui" })}</Button>}>
          {t("stale", { time: time(pages.dataUpdatedAt) })}
        </Banner>
      )}
      {logs.dropped > 0 && (
        <Banner tone="warn" inline>
          {t("dropped", { count: logs.dropped, number: count(logs.dropped) })}
        </Banner>
      )}
      <div className={styles.frame}>
        <LogList
          lines={lines}
          wrap={search.wrap === "1"}
          follow={follow}
          onFollow={setFollow}
          onRequest={(id) => void navigate({ to: "/logs", search: (before) => ({ ...before, request: id }) })}
          onFill={logs.fill}
          filling={logs.filling}
          head={<Older pages={pages} shown={lines.length > 0} narrowed={anyWanted(wanted)} />}
          instead={lines.length === 0 && <Instead logs={logs} wanted={wanted} />}
        />
        {!follow && lines.length > 0 && (
          <Button
            small
            kind="primary"
            icon={ArrowDown}
            className={styles.newest}
            onClick={() => {
              logs.release();
              setFollow(true);
            }}
          >
            {waiting > 0 ? t("table.waiting", { ns: "ui", count: waiting }) : t("toNewest")}
          </Button>
        )}
      </div>
    </div>
  );
}

function Older({ pages, shown, narrowed }: { pages: Logs["pages"]; shown: boolean; narrowed: boolean }) {
  const { t } = useTranslation("logs");
  if (!shown || pages.data === undefined) return null;
  return (
    <div className={styles.older}>
      {pages.hasNextPage ? (
        <Button small kind="quiet" busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          {t("older")}
        </Button>
      ) : (
        t(narrowed ? "begin" : "oldest")
      )}
    </div>
  );
}

function Instead({ logs, wanted }: { logs: Logs; wanted: Wanted }) {
  const { t } = useTranslation("logs");
  const navigate = useNavigate();
  const { pages } = logs;
  if (pages.isError) return <ErrorCard error={pages.error} onRetry={() => void pages.refetch()} />;
  if (pages.data === undefined) return <SkeletonRows />;
  if (!anyWanted(wanted) || !logs.any) return <EmptyState title={t("empty.title")}>{t("empty.text")}</EmptyState>;
  return (
    <EmptyState title={t("noMatch.title")} icon={SearchX} actions={<Button onClick={() => void navigate({ to: "/logs", search: {} })}>{t("clear")}</Button>}>
      {t("noMatch.text")}
    </EmptyState>
  );
}
