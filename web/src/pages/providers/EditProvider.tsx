import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { ApiError } from "../../api/error";
import { Button } from "../../ui/Button";
import { ChangeProblem, ChangeReview, FileAhead } from "../../ui/Change";
import { Drawer } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { toast } from "../../ui/toasts";
import { Conflict } from "./Conflict";
import { type Preview, previewChange, saveChange, usePresets, useProvider } from "./data";
import { Discard } from "./Discard";
import { changeBody, type Detail, detailForm } from "./form";
import styles from "./panel.module.css";
import { hasField } from "./ProviderFields";
import { SettingsForm } from "./SettingsForm";

const FORM = "edit-provider";

export type EditProviderProps = { id: string; onDone: () => void };

export function EditProvider({ id, onDone }: EditProviderProps) {
  const { t } = useTranslation("providers");
  const provider = useProvider(id);
  if (provider.data !== undefined) return <Editing key={id} first={provider.data} onDone={onDone} />;
  return (
    <Drawer name="provider" title={t("edit.title", { name: "" })} onClose={onDone}>
      {provider.error !== null ? <ErrorCard error={provider.error} onRetry={() => void provider.refetch()} /> : <Skeleton height={420} />}
    </Drawer>
  );
}

/** Settings, the lines of the file, save; and what to do when somebody else was faster. */
function Editing({ first, onDone }: { first: Detail; onDone: () => void }) {
  const { t } = useTranslation("providers");
  const queries = useQueryClient();
  const presets = usePresets();
  /** What the form began with: later answers must not change what is being edited. */
  const [base, setBase] = useState(first);
  const [form, setForm] = useState(() => detailForm(first));
  const [preview, setPreview] = useState<Preview | null>(null);
  const [theirs, setTheirs] = useState<Detail | null>(null);
  /** The file is ahead of what is in force. */
  const [ahead, setAhead] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [leaving, setLeaving] = useState(false);
  const begun = detailForm(base);
  const body = changeBody(form, begun);
  const dirty = Object.keys(body).length > 0;

  /** Looks at what is there now; `version` is that of the file, where it is known. */
  const compare = (version?: string) => {
    call(api.GET("/api/dashboard/providers/{id}", { params: { path: { id: base.id } } })).then((now) => {
      setAhead(version !== undefined && now.version !== version);
      setTheirs(version === undefined || now.version === version ? now : null);
    }, setError);
  };
  const refused = (problem: unknown) => {
    setPreview(null);
    if (problem instanceof ApiError && problem.error === "config_conflict") compare(problem.version);
    else setError(problem);
  };
  const review = useMutation({
    mutationFn: () => previewChange(base.id, body, base.version),
    onSuccess: (found) => {
      setPreview(found);
      setError(null);
    },
    onError: refused,
  });
  const save = useMutation({
    mutationFn: (version: string) => saveChange(base.id, body, version),
    onSuccess: (made) => {
      toast("ok", made.message);
      void queries.invalidateQueries({ queryKey: ["providers"] });
      onDone();
    },
    onError: refused,
  });

  const actions =
    theirs !== null || ahead ? undefined : preview === null ? (
      <>
        <Button onClick={() => (dirty ? setLeaving(true) : onDone())}>{t("cancel")}</Button>
        <Button kind="primary" type="submit" form={FORM} busy={review.isPending} disabled={!dirty}>
          {t("review")}
        </Button>
      </>
    ) : (
      <>
        <Button icon={ArrowLeft} onClick={() => setPreview(null)}>
          {t("backToForm")}
        </Button>
        <Button kind="primary" busy={save.isPending} disabled={preview.diff === ""} onClick={() => save.mutate(preview.version)}>
          {t("save")}
        </Button>
      </>
    );
  return (
    <Drawer name="provider" title={t("edit.title", { name: base.name })} onClose={() => (dirty ? setLeaving(true) : onDone())} actions={actions}>
      <div className={styles.stack}>
        {error !== null && <ChangeProblem error={error} atFields={hasField(form)} />}
        {ahead && <FileAhead onReady={() => compare()} />}
        {theirs !== null && (
          <Conflict
            before={begun}
            theirs={detailForm(theirs)}
            mine={form}
            onChoose={(chosen) => {
              setBase(theirs);
              setForm(chosen);
              setTheirs(null);
              setError(null);
            }}
          />
        )}
        {preview !== null && <ChangeReview preview={preview} />}
        <div hidden={preview !== null || theirs !== null || ahead}>
          <SettingsForm
            id={FORM}
            form={form}
            set={(change) => setForm((before) => ({ ...before, ...change }))}
            error={error}
            detail={base}
            known={{ masked: base.api_key_masked, source: base.key_source }}
            environment={presets.data?.environment ?? []}
            onSubmit={() => review.mutate()}
            onError={setError}
          />
        </div>
      </div>
      {leaving && <Discard onDiscard={onDone} onClose={() => setLeaving(false)} />}
    </Drawer>
  );
}
