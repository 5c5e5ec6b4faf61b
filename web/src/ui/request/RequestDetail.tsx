/** Everything about one request: in the drawer of the list, and on its own page. */
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/request";
import { ApiError } from "../../api/error";
import { Banner } from "../Banner";
import { Button, buttonClass } from "../Button";
import { EmptyState } from "../EmptyState";
import { ErrorCard } from "../ErrorCard";
import { Skeleton } from "../Skeleton";
import { Tabs } from "../Tabs";
import { Bodies } from "./Bodies";
import { type LogDetail, useDetail } from "./data";
import { Facts } from "./Facts";
import { Loss } from "./Loss";
import { NotKept } from "./NotKept";
import { Records } from "./Records";
import styles from "./request.module.css";
import { Response } from "./Response";
import { Routing } from "./Routing";
import { StreamsTab } from "./StreamsTab";
import { Timeline } from "./Timeline";

addTexts("request", en);

const TABS = ["timeline", "streams", "request", "response", "routing", "loss", "log"] as const;
type TabName = (typeof TABS)[number];

export type RequestDetailProps = {
  id: string;
  /** From the address. */
  tab: string | undefined;
  onTab: (tab: string) => void;
};

export function RequestDetail({ id, tab, onTab }: RequestDetailProps) {
  const { t } = useTranslation("request");
  const { t: ui } = useTranslation();
  const detail = useDetail(id);
  if (detail.isPending) return <DetailSkeleton />;
  if (detail.data === undefined) {
    if (detail.error instanceof ApiError && detail.error.status === 404 && detail.error.error === "not_found") {
      return (
        <EmptyState
          title={t("missing", { id })}
          actions={
            <>
              <Button onClick={() => void detail.refetch()}>{ui("retry")}</Button>
              <Link to="/requests" className={buttonClass("secondary")}>
                {t("backToList")}
              </Link>
            </>
          }
        >
          {t("missingText")}
        </EmptyState>
      );
    }
    return <ErrorCard error={detail.error} onRetry={() => void detail.refetch()} />;
  }
  return <Known id={id} detail={detail.data} tab={TABS.find((name) => name === tab) ?? "timeline"} onTab={onTab} />;
}

function Known({ id, detail, tab, onTab }: { id: string; detail: LogDetail; tab: TabName; onTab: (tab: string) => void }) {
  const { t } = useTranslation("request");
  const { capture, entry } = detail;
  const notKept = <NotKept hint={detail.hint} />;
  return (
    <div className={styles.detail}>
      <p className={styles.outcome}>{detail.outcome}</p>
      <Facts detail={detail} />
      {detail.breach !== null && <Banner tone="bad" inline>{t("breach", { reason: detail.breach })}</Banner>}
      <Tabs
        label={t("tabs.label")}
        value={tab}
        onChange={onTab}
        tabs={[
          { value: "timeline", label: t("tabs.timeline"), content: <Timeline id={id} detail={detail} /> },
          { value: "streams", label: t("tabs.streams"), content: detail.captured ? <StreamsTab id={id} /> : notKept },
          { value: "request", label: t("tabs.request"), content: capture === null ? notKept : <Bodies detail={detail} capture={capture} /> },
          { value: "response", label: t("tabs.response"), content: capture === null ? notKept : <Response entry={entry} capture={capture} /> },
          { value: "routing", label: t("tabs.routing"), content: <Routing detail={detail} /> },
          { value: "loss", label: t("tabs.loss"), ...(detail.ledger.length > 0 && { count: detail.ledger.length }), content: <Loss detail={detail} /> },
          { value: "log", label: t("tabs.log"), content: <Records id={id} /> },
        ]}
      />
    </div>
  );
}

function DetailSkeleton() {
  const { t } = useTranslation();
  return (
    <div className={styles.detail} role="status" aria-label={t("loading")}>
      <Skeleton width="70%" height={22} />
      <div className={styles.waitingFacts}>
        <Skeleton height="100%" />
      </div>
      <Skeleton width={240} height={26} />
      <Skeleton height={35} />
      <Skeleton height={220} />
    </div>
  );
}
