import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { count, fullTime } from "../../lib/format";
import { Banner } from "../../ui/Banner";
import { ChangeProblem, ChangeReview } from "../../ui/Change";
import { Confirm } from "../../ui/Confirm";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { previewDelete, removeKey } from "./data";
import type { Detail } from "./form";
import styles from "./keys.module.css";

export type DeleteKeyProps = { detail: Detail; last: boolean; openToAll: boolean; onClose: () => void; onDeleted: () => void };

/** Says what still uses it and what becomes of the clients, and asks for its name. */
export function DeleteKey({ detail, last, openToAll, onClose, onDeleted }: DeleteKeyProps) {
  const { t } = useTranslation("keys");
  const queries = useQueryClient();
  const preview = useQuery({ queryKey: ["delete-key", detail.id], queryFn: () => previewDelete(detail.id), retry: false, staleTime: 0, gcTime: 0 });
  const removal = useMutation({
    mutationFn: (version: string) => removeKey(detail.id, version),
    onSuccess: (answer) => {
      toast("ok", answer.message);
      onDeleted();
      void queries.invalidateQueries({ queryKey: ["keys", "list"] });
    },
    onError: (error) => {
      // Somebody has changed the file: show what would go now.
      if (error instanceof ApiError && error.error === "config_conflict") void preview.refetch();
    },
  });
  const { last_hour: hour } = detail;
  const version = preview.data?.version;
  return (
    <Confirm
      title={t("delete.title", { name: detail.name })}
      action={t("delete.confirm")}
      danger
      name={detail.name}
      busy={removal.isPending || preview.isFetching}
      onConfirm={() => {
        if (version !== undefined) removal.mutate(version);
      }}
      onClose={onClose}
    >
      <div className={styles.stack}>
        <p>{t("delete.what", { name: detail.name, masked: detail.key_masked })}</p>
        {hour !== null && hour.requests > 0 ? (
          <Banner tone="warn" inline>
            {t("delete.inUse", { count: hour.requests, requests: count(hour.requests), models: hour.models.join(", ") })}
          </Banner>
        ) : (
          <p>{hour === null ? t("delete.unknownUse") : detail.last_used === null ? t("delete.neverUsed") : t("delete.lastUsed", { when: fullTime(detail.last_used) })}</p>
        )}
        {last && (
          <Banner tone={openToAll ? "warn" : "bad"} inline>
            {openToAll ? t("delete.lastOpen") : t("delete.lastClosed")}
          </Banner>
        )}
        {removal.error !== null && <ChangeProblem error={removal.error} />}
        {preview.error !== null && <ChangeProblem error={preview.error} />}
        {preview.data !== undefined && <ChangeReview preview={preview.data} />}
        {preview.data === undefined && preview.error === null && <Skeleton height={140} />}
      </div>
    </Confirm>
  );
}
