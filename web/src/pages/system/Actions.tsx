import { useNavigate, useSearch } from "@tanstack/react-router";
import { LifeBuoy, RotateCw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Modal } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { saveBundle, useBundleContents, useReload } from "./data";
import type { Search } from "./search";
import styles from "./system.module.css";

/** What can be done with the gateway as a whole. */
export function Actions() {
  const { t } = useTranslation("system");
  const navigate = useNavigate();
  const { ask } = useSearch({ from: "/shell/system" });
  const open = (next: "reload" | "support" | undefined) => void navigate({ to: "/system", replace: true, search: (before) => ({ ...before, ask: next }) as Search });
  return (
    <div className={styles.actions}>
      <Button icon={RotateCw} onClick={() => open("reload")}>
        {t("actions.reload")}
      </Button>
      <Button icon={LifeBuoy} onClick={() => open("support")}>
        {t("actions.support")}
      </Button>
      {ask === "reload" && <Reload onClose={() => open(undefined)} />}
      {ask === "support" && <Support onClose={() => open(undefined)} />}
    </div>
  );
}

function Reload({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("system");
  const reload = useReload();
  const confirm = () =>
    reload.mutate(undefined, {
      onSuccess: ({ message }) => {
        toast("ok", t("reload.done", { message }));
        onClose();
      },
    });
  return (
    <Confirm title={t("reload.title")} action={t("reload.action")} busy={reload.isPending} onConfirm={confirm} onClose={onClose}>
      <p>{t("reload.text")}</p>
      {reload.isError && (
        <div className={styles.refused}>
          <ErrorCard error={reload.error} title={t("reload.refused")} />
        </div>
      )}
    </Confirm>
  );
}

function Support({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("system");
  const { data, error, isError, refetch } = useBundleContents();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const save = () => {
    setBusy(true);
    setFailure(null);
    saveBundle()
      .then(
        (name) => {
          toast("ok", t("support.done", { name }));
          onClose();
        },
        (cause: unknown) => setFailure(cause),
      )
      .finally(() => setBusy(false));
  };
  return (
    <Modal
      title={t("support.title")}
      width={640}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel", { ns: "ui" })}</Button>
          <Button kind="primary" busy={busy} disabled={data === undefined} onClick={save}>
            {t("support.action")}
          </Button>
        </>
      }
    >
      <p className={styles.intro}>{t("support.intro")}</p>
      {data === undefined && (isError ? <ErrorCard error={error} onRetry={() => void refetch()} /> : <Skeleton height={240} />)}
      {data !== undefined && (
        <dl className={styles.parts}>
          {data.contents.map((part) => (
            <div key={part.name}>
              <dt>
                <code>{part.name}</code>
              </dt>
              <dd>{part.about}</dd>
            </div>
          ))}
        </dl>
      )}
      {failure !== null && <ErrorCard error={failure} onRetry={save} />}
    </Modal>
  );
}
