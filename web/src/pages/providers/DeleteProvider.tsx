import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { ChangeProblem, ChangeReview } from "../../ui/Change";
import { Confirm } from "../../ui/Confirm";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { previewDelete, remove } from "./data";
import type { Detail } from "./form";
import styles from "./panel.module.css";

export type DeleteProviderProps = { detail: Detail; onClose: () => void; onDeleted: () => void };

/** Names what is deleted, shows the lines that go, and what that does. */
export function DeleteProvider({ detail, onClose, onDeleted }: DeleteProviderProps) {
  const { t } = useTranslation("providers");
  const queries = useQueryClient();
  const preview = useQuery({ queryKey: ["delete-provider", detail.id], queryFn: () => previewDelete(detail.id), retry: false, staleTime: 0, gcTime: 0 });
  const removal = useMutation({
    mutationFn: (version: string) => remove(detail.id, version),
    onSuccess: (answer) => {
      toast("ok", answer.message);
      onDeleted();
      void queries.invalidateQueries({ queryKey: ["providers", "list"] });
    },
    onError: (error) => {
      // Somebody has changed the file: show what would go now.
      if (error instanceof ApiError && error.error === "config_conflict") void preview.refetch();
    },
  });
  const version = preview.data?.version;
  return (
    <Confirm
      title={t("delete.title", { name: detail.name })}
      action={t("delete.confirm")}
      danger
      busy={removal.isPending || preview.isFetching}
      onConfirm={() => {
        if (version !== undefined) removal.mutate(version);
      }}
      onClose={onClose}
    >
      <div className={styles.stack}>
        <p>{t("delete.what", { name: detail.name, format: detail.format, url: detail.base_url })}</p>
        {removal.error !== null && <ChangeProblem error={removal.error} />}
        {preview.error !== null && <ChangeProblem error={preview.error} />}
        {preview.data !== undefined && <ChangeReview preview={preview.data} />}
        {preview.data === undefined && preview.error === null && <Skeleton height={140} />}
      </div>
    </Confirm>
  );
}
