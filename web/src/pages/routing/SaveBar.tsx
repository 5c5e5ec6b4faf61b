import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { ApiError } from "../../api/error";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { ChangeProblem, ChangeReview } from "../../ui/Change";
import { Modal } from "../../ui/Dialog";
import { Skeleton } from "../../ui/Skeleton";
import { Status } from "../../ui/Status";
import { toast } from "../../ui/toasts";
import { type Preview, save, undo } from "./data";
import { type Change, type Rules, useDraft } from "./draft";
import styles from "./routing.module.css";

type Previewed = { data: Preview | undefined; error: unknown; settled: boolean };
type Props = { base: Rules; now: Rules; change: Change; preview: Previewed };

/** What is edited and not saved, and the way to save it. */
export function SaveBar({ base, now, change, preview }: Props) {
  const { t } = useTranslation("routing");
  const [open, setOpen] = useState(false);
  const start = useDraft((state) => state.start);
  const parts = Object.keys(change).length;
  return (
    <div className={styles.bar}>
      <span role="status">
        {!preview.settled ? <Status tone="busy">{t("save.checking")}</Status> : preview.error !== null ? <Status tone="bad">{t("save.bad")}</Status> : <Status tone="info">{t("save.changed", { count: parts })}</Status>}
      </span>
      <Button onClick={() => start(now)}>{t("save.discard")}</Button>
      <Button kind="primary" disabled={!preview.settled || refused(preview.error)} onClick={() => setOpen(true)}>
        {t("save.review")}
      </Button>
      {preview.error !== null && preview.settled && (
        <div className={styles.barProblem}>
          <ChangeProblem error={preview.error} atFields={shownAtField} />
        </div>
      )}
      {open && <Save base={base} change={change} preview={preview} onClose={() => setOpen(false)} />}
    </div>
  );
}

/** Without what is only said of the change. */
function rulesOf(changed: Schemas["RoutingChanged"]): Rules {
  const { strategy, request_retry, max_retry_interval, retry, fallbacks, model_rewrites, provider_pins, force_model_prefix, payload, version } = changed;
  return { strategy, request_retry, max_retry_interval, retry, fallbacks, model_rewrites, provider_pins, force_model_prefix, payload, version };
}

/** Rules that are wrong are not for review; what else is in the way is said there. */
function refused(error: unknown): boolean {
  return error !== null && !(error instanceof ApiError && error.error === "read_only");
}

function shownAtField(path: string): boolean {
  return /^\/(strategy|force_model_prefix|retry\/\w+|(model_rewrites|fallbacks|provider_pins)\/\d+|payload\/\w+\/\d+)/.test(path);
}

function Save({ base, change, preview, onClose }: { base: Rules; change: Change; preview: Previewed; onClose: () => void }) {
  const { t } = useTranslation("routing");
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const take = (rules: Rules) => {
    useDraft.getState().start(rules);
    queries.setQueryData(["routing", "rules"], rules);
    void queries.invalidateQueries({ queryKey: ["routing"] });
    void queries.invalidateQueries({ queryKey: ["config"] });
  };
  const goBack = async (version: string) => {
    try {
      await undo(base.version, version);
      take(base);
      toast("ok", t("save.undone"));
    } catch (failure) {
      toast("bad", t("save.notUndone", { message: failure instanceof Error ? failure.message : String(failure) }));
    }
  };
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      const done = await save(change, base.version);
      take(rulesOf(done));
      onClose();
      toast("ok", done.message, { label: t("save.undo"), run: () => void goBack(done.version) });
    } catch (failure) {
      setError(failure);
      // The page takes the newer rules in, under what is edited; then this can be looked at again.
      if (failure instanceof ApiError && failure.error === "config_conflict") await queries.invalidateQueries({ queryKey: ["routing"] });
    } finally {
      setBusy(false);
    }
  };
  const conflict = error instanceof ApiError && error.error === "config_conflict";
  return (
    <Modal
      title={t("save.title")}
      onClose={onClose}
      width={860}
      actions={
        <>
          <Button onClick={onClose}>{t("save.back")}</Button>
          <Button kind="primary" busy={busy} disabled={preview.data === undefined} onClick={() => void run()}>
            {t(conflict ? "save.again" : "save.action")}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        {conflict && (
          <div role="alert">
            <Banner tone="warn" inline>
              {t("save.conflict")}
            </Banner>
          </div>
        )}
        {error !== null && !conflict && <ChangeProblem error={error} />}
        {preview.data === undefined ? <Skeleton height={160} /> : <ChangeReview preview={preview.data} />}
      </div>
    </Modal>
  );
}
