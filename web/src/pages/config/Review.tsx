import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { download } from "../../lib/download";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Modal } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Banner } from "../../ui/Banner";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import styles from "./config.module.css";
import { apply, isConflict, patchOf, undo } from "./data";
import { type Raw, useDraft } from "./draft";

const DiffView = lazy(() => import("./DiffView"));

type Props = { base: Raw; text: string; check: Schemas["ConfigCheck"]; readOnly: boolean; onClose: () => void };

/** What a change comes to, before it is made. */
export function Review({ base, text, check, readOnly, onClose }: Props) {
  const { t } = useTranslation("config");
  const { busy, error, run } = useApply(base, text, onClose);
  const patch = patchOf(error) ?? (readOnly ? (check.diff ?? undefined) : undefined);
  const actions =
    patch === undefined ? (
      <>
        <Button onClick={onClose}>{t("review.back")}</Button>
        <Button kind="primary" busy={busy} onClick={run}>
          {t("review.apply")}
        </Button>
      </>
    ) : (
      <>
        <Button onClick={onClose}>{t("review.back")}</Button>
        <Button onClick={() => download(`${base.file}.patch`, patch)}>{t("readOnly.download")}</Button>
        <CopyButton text={patch} label={t("readOnly.copy")} kind="primary" />
      </>
    );
  return (
    <Modal title={t("review.title", { file: base.file })} onClose={onClose} width={920} actions={actions}>
      <div className={styles.review}>
        {patch !== undefined && (
          <Banner tone="info" inline>
            {t("readOnly.patch", { file: base.file })}
          </Banner>
        )}
        {error !== null && patchOf(error) === undefined && <ErrorCard title={t("review.failed")} error={error} />}
        <section>
          <h3>{t("review.effects")}</h3>
          {check.effects.length === 0 ? (
            <p className={styles.muted}>{t("review.noEffects")}</p>
          ) : (
            <ul className={styles.effects}>
              {check.effects.map((effect) => (
                <li key={effect}>{effect}</li>
              ))}
            </ul>
          )}
          {check.warnings.length > 0 && <p className={styles.muted}>{t("check.warnings", { count: check.warnings.length })}</p>}
        </section>
        <Suspense fallback={<Skeleton height={180} />}>
          <DiffView before={base.content} after={text} />
        </Suspense>
      </div>
    </Modal>
  );
}

function useApply(base: Raw, text: string, onClose: () => void) {
  const { t } = useTranslation("config");
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const reread = () => queries.refetchQueries({ queryKey: ["config"] });

  const taken = async (version: string) => {
    // What was written is what the file says now: the next text of it may come in.
    useDraft.getState().start({ ...base, content: text, version });
    await reread();
  };
  const goBack = async (version: string) => {
    try {
      await undo(base.version, version);
      useDraft.getState().start(base);
      await reread();
      toast("ok", t("undo.done"));
    } catch (failure) {
      if (!isConflict(failure)) useDraft.getState().write(base.content);
      toast("bad", t(isConflict(failure) ? "undo.conflict" : "undo.failed", { message: failure instanceof Error ? failure.message : String(failure) }));
    }
  };
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      const done = await apply(text, base.version);
      await taken(done.version);
      onClose();
      toast("ok", [t("review.done"), ...done.effects.filter((effect) => effect.startsWith("restart"))].join(" · "), { label: t("undo.button"), run: () => void goBack(done.version) });
    } catch (failure) {
      // Somebody was faster: the page says so, with both texts.
      if (isConflict(failure)) {
        await reread();
        onClose();
      } else setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run: () => void run() };
}
