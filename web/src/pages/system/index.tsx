import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/system";
import { time } from "../../lib/format";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { Actions } from "./Actions";
import { AuditTrail } from "./AuditTrail";
import { useAudit, useInfo, useWorkers } from "./data";
import { GatewayCard, ProcessCard, StoresCard, TlsCard } from "./GatewayCards";
import { ReloadsCard } from "./ReloadsCard";
import styles from "./system.module.css";
import { WorkersCard } from "./WorkersCard";

addTexts("system", en);

/**
 * The gateway as a program. Each part fails on its own. All are asked for at once, and stand
 * below each other from the first to the last: how high one becomes nobody knows before.
 */
export function Page() {
  const information = isThere(useInfo());
  const workers = isThere(useWorkers());
  useAudit();
  return (
    <div className={styles.page}>
      <Actions />
      <Information />
      {information && <WorkersCard />}
      {information && workers && <AuditTrail />}
    </div>
  );
}

/** It has come, or has failed for the first time: what is below it need not wait for another try. */
function isThere({ isPending, failureCount }: { isPending: boolean; failureCount: number }): boolean {
  return !isPending || failureCount > 0;
}

function Information() {
  const { t } = useTranslation("system");
  const { data, error, isError, dataUpdatedAt, refetch } = useInfo();
  if (data === undefined) {
    if (isError) return <ErrorCard error={error} onRetry={() => void refetch()} />;
    return (
      <div className={styles.cards} role="status" aria-label={t("loading", { ns: "ui" })}>
        {["gateway", "process", "storage"].map((name) => (
          <Card key={name}>
            <Skeleton height={232} />
          </Card>
        ))}
      </div>
    );
  }
  return (
    <>
      {isError && (
        <Banner tone="warn" inline action={<Button small onClick={() => void refetch()}>{t("retry", { ns: "ui" })}</Button>}>
          {t("stale", { time: time(dataUpdatedAt) })}
        </Banner>
      )}
      <div className={styles.cards}>
        <GatewayCard info={data} />
        <ProcessCard info={data} />
        <div className={styles.column}>
          <StoresCard info={data} />
          <TlsCard info={data} />
        </div>
      </div>
      <ReloadsCard info={data} />
    </>
  );
}
