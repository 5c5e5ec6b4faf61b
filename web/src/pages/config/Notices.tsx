import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { toast } from "../../ui/toasts";
import type { Raw } from "./draft";

type Props = { disk: Raw; conflict: boolean; onCompare: () => void; onLine: (line: number) => void };

/** How the file stands to what is in force, and to what is being written. */
export function Notices({ disk, conflict, onCompare, onLine }: Props) {
  const { t } = useTranslation("config");
  const first = disk.problems[0];
  return (
    <>
      {conflict && (
        <Banner tone="warn" inline action={<Button small onClick={onCompare}>{t("conflict.button")}</Button>}>
          <strong>{t("conflict.notice", { file: disk.file })}</strong> {t("conflict.lost")}
        </Banner>
      )}
      {first !== undefined && !conflict && (
        <Banner
          tone="bad"
          inline
          action={
            typeof first.line === "number" ? (
              <Button small onClick={() => onLine(first.line ?? 1)}>
                {t("notInForce.line", { line: first.line })}
              </Button>
            ) : undefined
          }
        >
          {t("notInForce.problem", { file: disk.file, message: first.message })}
        </Banner>
      )}
      {first === undefined && !disk.in_force && <Reload file={disk.file} />}
      {disk.read_only && (
        <Banner tone="info" inline>
          {t("readOnly.notice", { file: disk.file })}
        </Banner>
      )}
    </>
  );
}

/** The file is good, and another text is in force: it has not been read yet. */
function Reload({ file }: { file: string }) {
  const { t } = useTranslation("config");
  const queries = useQueryClient();
  const reload = useMutation({
    mutationFn: () => call(api.POST("/api/dashboard/config/reload")),
    onSuccess: (answer) => toast("ok", answer.message),
    onError: (error) => toast("bad", error.message),
    onSettled: () => queries.invalidateQueries({ queryKey: ["config"] }),
  });
  return (
    <Banner
      tone="warn"
      inline
      action={
        <Button small busy={reload.isPending} onClick={() => reload.mutate()}>
          {t("notInForce.reload")}
        </Button>
      }
    >
      {t("notInForce.notRead", { file })}
    </Banner>
  );
}
