import { useTranslation } from "react-i18next";
import { useEffect, useState } from "react";

import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import styles from "./config.module.css";
import { Conflict } from "./Conflict";
import { useRaw } from "./data";
import { isDirty, type Raw, useDraft } from "./draft";
import { NoFile } from "./NoFile";
import { Workbench } from "./Workbench";

/** The file with its text: loads it, and sees to it that two people do not overwrite each other. */
export function EditTab() {
  const raw = useRaw();
  const draft = useDraft();
  const noFile = raw.data?.file === "";
  useFollow(noFile ? undefined : raw.data);
  if (noFile) return <NoFile />;
  if (draft.base === null) return raw.error === null ? <Loading /> : <ErrorCard error={raw.error} onRetry={() => void raw.refetch()} />;
  const disk = raw.data ?? draft.base;
  return (
    <div className={styles.edit}>
      {raw.error !== null && <ErrorCard error={raw.error} onRetry={() => void raw.refetch()} staleSince={raw.dataUpdatedAt} />}
      <Held base={draft.base} disk={disk} />
    </div>
  );
}

/** The editor, and what is in the way of it. */
function Held({ base, disk }: { base: Raw; disk: Raw }) {
  const [comparing, setComparing] = useState(false);
  const draft = useDraft();
  const conflict = disk.version !== base.version && isDirty(draft);
  return (
    <>
      <Workbench base={base} disk={disk} conflict={conflict} onCompare={() => setComparing(true)} />
      {comparing && conflict && <Conflict base={base} mine={draft.text} disk={disk} onClose={() => setComparing(false)} />}
    </>
  );
}

/** Takes a new text of the file into the editor, unless something is being written. */
function useFollow(disk: Raw | undefined): void {
  const { t } = useTranslation("config");
  useEffect(() => {
    if (disk === undefined) return;
    const draft = useDraft.getState();
    if (draft.base !== null && isDirty(draft)) return;
    if (draft.base !== null && draft.base.version !== disk.version) toast("info", t("followed", { file: disk.file }));
    draft.start(disk);
  }, [disk, t]);
}

function Loading() {
  const { t } = useTranslation("config");
  return (
    <div className={styles.edit} role="status" aria-label={t("loading")}>
      <div className={styles.bar}>
        <Skeleton width={220} height={32} />
      </div>
      <div className={styles.frame} />
    </div>
  );
}
