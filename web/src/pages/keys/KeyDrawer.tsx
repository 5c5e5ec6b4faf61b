import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { count, fullTime, money, percent, tokens, UNKNOWN } from "../../lib/format";
import { Button } from "../../ui/Button";
import { NoConfigFile } from "../../ui/Change";
import { Confirm } from "../../ui/Confirm";
import { Drawer } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { useKey } from "./data";
import { DeleteKey } from "./DeleteKey";
import { EditKey } from "./EditKey";
import type { Detail } from "./form";
import styles from "./keys.module.css";
import { Limits } from "./KeyTable";

export type KeyDrawerProps = {
  id: string;
  hasFile: boolean | undefined;
  /** Whether it is the only one. */
  last: boolean;
  openToAll: boolean;
  onClose: () => void;
  onNext: (() => void) | undefined;
  onPrevious: (() => void) | undefined;
};

/** What a key has done, what it may do, and how to take it back. */
export function KeyDrawer({ id, hasFile, last, openToAll, onClose, onNext, onPrevious }: KeyDrawerProps) {
  const { t } = useTranslation("keys");
  const key = useKey(id);
  const [deleting, setDeleting] = useState(false);
  const [dirty, setDirty] = useState(false);
  /** Where to go once what is filled in may be lost. */
  const [leave, setLeave] = useState<(() => void) | null>(null);
  const guarded = (go: (() => void) | undefined) => go && (() => (dirty ? setLeave(() => go) : go()));
  const detail = key.data;
  return (
    <Drawer
      name="key"
      title={detail?.name ?? t("drawer.loading")}
      onClose={guarded(onClose) ?? onClose}
      onNext={guarded(onNext)}
      onPrevious={guarded(onPrevious)}
      returnTo={() => document.querySelector<HTMLElement>(`[data-auth-key="${CSS.escape(id)}"]`)}
      actions={
        detail !== undefined && (
          <Button icon={Trash2} disabled={hasFile === false} onClick={() => setDeleting(true)}>
            {t("delete.action")}
          </Button>
        )
      }
    >
      <div className={styles.stack}>
        {hasFile === false && <NoConfigFile />}
        {key.error !== null && <ErrorCard error={key.error} onRetry={() => void key.refetch()} {...(detail !== undefined && { staleSince: key.dataUpdatedAt })} />}
        {detail === undefined && key.isPending && <Skeleton height={420} />}
        {detail !== undefined && <Usage detail={detail} />}
        {detail !== undefined && <EditKey key={id} first={detail} locked={hasFile === false} onDirty={setDirty} />}
      </div>
      {detail !== undefined && deleting && <DeleteKey detail={detail} last={last} openToAll={openToAll} onClose={() => setDeleting(false)} onDeleted={onClose} />}
      {leave !== null && (
        <Confirm
          title={t("discard.title")}
          action={t("discard.action")}
          danger
          onConfirm={() => {
            setLeave(null);
            setDirty(false);
            leave();
          }}
          onClose={() => setLeave(null)}
        >
          <p>{t("discard.text")}</p>
        </Confirm>
      )}
    </Drawer>
  );
}

function Usage({ detail }: { detail: Detail }) {
  const { t } = useTranslation("keys");
  const { usage_today: today, last_hour: hour } = detail;
  return (
    <section aria-label={t("section.usage")}>
      <h3 className={styles.heading}>{t("section.usage")}</h3>
      <dl className={styles.facts}>
        <dt>{t("facts.key")}</dt>
        <dd>
          <code>{detail.key_masked}</code>
        </dd>
        <dt>{t("facts.created")}</dt>
        <dd>{detail.created === null ? t("facts.notSaid") : fullTime(detail.created)}</dd>
        <dt>{t("facts.lastUsed")}</dt>
        <dd>{detail.last_used === null ? (today === null ? t("facts.noLog") : t("neverSeen")) : fullTime(detail.last_used)}</dd>
        <dt>{t("facts.now")}</dt>
        <dd>
          <Limits authKey={detail} roomy />
          {detail.used_now === null && <p className={styles.note}>{t("facts.shared")}</p>}
        </dd>
        <dt>{t("facts.hour")}</dt>
        <dd>{hour === null ? UNKNOWN : hour.requests === 0 ? t("facts.noRequests") : t("facts.hourText", { count: hour.requests, requests: count(hour.requests), models: hour.models.join(", ") })}</dd>
        <dt>{t("facts.today")}</dt>
        <dd>
          {today === null
            ? UNKNOWN
            : t("facts.todayText", {
                count: today.requests,
                requests: count(today.requests),
                failed: today.requests === 0 ? percent(0) : percent(today.failed / today.requests),
                input: tokens(today.input_tokens),
                output: tokens(today.output_tokens),
                cost: money(today.cost),
              })}
        </dd>
      </dl>
    </section>
  );
}
