import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/overview";
import { time } from "../../lib/format";
import { useRange } from "../../lib/useRange";
import { Banner } from "../../ui/Banner";
import { Button, buttonClass } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { Charts } from "./Charts";
import { Errors } from "./Errors";
import { FirstRun } from "./FirstRun";
import { TrafficFlow } from "./Flow";
import { Loading } from "./Loading";
import { Numbers } from "./Numbers";
import styles from "./overview.module.css";
import { ProviderStrip } from "./Strip";
import { type Overview, useOverview, useWindow, type Window } from "./useOverview";
import { Verdict } from "./Verdict";

addTexts("overview", en);

export function Page() {
  const { t } = useTranslation("overview");
  const window = useWindow();
  const { query, flow } = useOverview(window);
  const [first, setFirst] = useState<"unknown" | "shown" | "closed">("unknown");
  const data = query.data;
  // What was begun goes on being shown when its request has made this a second run.
  if (data?.first_run === true && first === "unknown") setFirst("shown");
  if (data === undefined) return query.isError ? <ErrorCard error={query.error} onRetry={() => void query.refetch()} /> : <Loading />;
  return (
    <div className={styles.page}>
      {query.isError && <Banner tone="warn" inline action={<Button small onClick={() => void query.refetch()}>{t("retry", { ns: "ui" })}</Button>}>{t("stale", { time: time(query.dataUpdatedAt) })}</Banner>}
      <Verdict data={data} window={window.label} />
      {first === "shown" && (
        <FirstRun
          bases={data.base_urls}
          keyNeeded={data.key_needed}
          onSent={() => void query.refetch()}
          onClose={data.first_run ? undefined : () => setFirst("closed")}
        />
      )}
      {!data.first_run && <Traffic data={data} window={window} flow={flow} />}
      {(!data.first_run || data.credentials.length > 0) && <ProviderStrip strips={data.credentials} window={window.label} />}
      {!data.first_run && data.now !== null && data.now.total_entries > 0 && (
        <div className={styles.charts}>
          <FlowPart flow={flow} window={window} />
          <Errors errors={data.errors} window={window} />
        </div>
      )}
    </div>
  );
}

type Parts = { data: Overview; window: Window; flow: ReturnType<typeof useOverview>["flow"] };

function Traffic({ data, window }: Parts) {
  const { t } = useTranslation("overview");
  if (data.now === null) {
    return (
      <Banner tone="info" inline action={<Link to="/config">{t("noLogLink")}</Link>}>
        {t("noLog", { problem: data.problem ?? "" })}
      </Banner>
    );
  }
  return (
    <>
      <Numbers data={data} window={window.label} />
      {data.now.total_entries === 0 && data.marks.length === 0 ? <Quiet window={window} /> : <Charts data={data} window={window} />}
    </>
  );
}

function FlowPart({ flow, window }: Pick<Parts, "flow" | "window">) {
  const { t } = useTranslation("overview");
  if (flow.data !== undefined) return <TrafficFlow flows={flow.data} window={window} />;
  return <Card title={t("flow.title")}>{flow.isError ? <ErrorCard error={flow.error} onRetry={() => void flow.refetch()} /> : <Skeleton height={220} />}</Card>;
}

/** There were requests, but none in this range. */
function Quiet({ window }: { window: Window }) {
  const { t } = useTranslation("overview");
  const { setRange } = useRange();
  const day = 86_400;
  return (
    <Card>
      <EmptyState
        title={t("quiet.title")}
        actions={
          <>
            {window.seconds < day && (
              <Button small onClick={() => setRange({ kind: "last", seconds: day })}>
                {t("quiet.day")}
              </Button>
            )}
            <Link to="/requests" search={{ range: "7d" }} className={buttonClass("secondary", true)}>
              {t("quiet.all")}
            </Link>
          </>
        }
      >
        {t("quiet.text", { window: window.label })}
      </EmptyState>
    </Card>
  );
}
