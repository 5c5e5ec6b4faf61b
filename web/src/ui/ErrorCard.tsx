import { CircleX, RotateCw } from "lucide-react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../api/error";
import { time } from "../lib/format";
import { Button } from "./Button";
import { CopyButton } from "./CopyButton";
import styles from "./ErrorCard.module.css";
import status from "./Status.module.css";

export type ErrorCardProps = {
  error: unknown;
  title?: string;
  onRetry?: (() => void) | undefined;
  /** When what is still shown was loaded, Unix ms. */
  staleSince?: number;
};

/** What went wrong, why, what to do, and the request id to look it up by. */
export function ErrorCard({ error, title, onRetry, staleSince }: ErrorCardProps) {
  const { t } = useTranslation();
  const known = error instanceof ApiError ? error : null;
  return (
    <div className={styles.card} role="alert">
      <p className={styles.title}>
        <CircleX size={16} aria-hidden className={status.bad} />
        {title ?? t("error.title")}
      </p>
      <p className={styles.text}>
        <Message error={error} />
      </p>
      {staleSince !== undefined && <p className={styles.detail}>{t("error.stale", { time: time(staleSince) })}</p>}
      {known !== null && known.status !== 0 && (
        <p className={styles.detail}>
          {known.status} <code>{known.error}</code>
          {known.requestId !== undefined && (
            <>
              {" · "}
              {t("error.requestId")} <code>{known.requestId}</code>
            </>
          )}
        </p>
      )}
      <div className={styles.actions}>
        {onRetry !== undefined && (
          <Button icon={RotateCw} small onClick={onRetry}>
            {t("retry")}
          </Button>
        )}
        <CopyButton text={() => describe(error)} label={t("copyDetails")} small />
      </div>
    </div>
  );
}

function Message({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return `${t("error.unreachable")} ${t("error.unreachableNext")}`;
  if (error.status === 403) return `${t("error.forbidden")} ${error.message}`;
  if (error.status === 404) return `${t("error.notFound")} ${error.message}`;
  if (error.status === 429) return `${t("error.tooMany")} ${error.message}`;
  return error.message;
}

function describe(error: unknown): string {
  if (error instanceof ApiError) {
    return JSON.stringify({ status: error.status, ...error.body, request_id: error.requestId }, null, 2);
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
