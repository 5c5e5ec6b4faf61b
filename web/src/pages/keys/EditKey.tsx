import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { Button } from "../../ui/Button";
import { ChangeProblem, FileAhead } from "../../ui/Change";
import { toast } from "../../ui/toasts";
import { Conflict } from "./Conflict";
import { changeKey, keyDetail } from "./data";
import { changeBody, type Detail, hasField, keyForm } from "./form";
import { KeyFields } from "./KeyFields";
import styles from "./keys.module.css";

export type EditKeyProps = { first: Detail; locked: boolean; onDirty: (dirty: boolean) => void };

/** What it may do, to be changed. Saved when the file is still the one that was looked at. */
export function EditKey({ first, locked, onDirty }: EditKeyProps) {
  const { t } = useTranslation("keys");
  const queries = useQueryClient();
  /** What the form began with: later answers must not change what is being edited. */
  const [base, setBase] = useState(first);
  const [form, setForm] = useState(() => keyForm(first));
  const [theirs, setTheirs] = useState<Detail | null>(null);
  /** The file is ahead of what is in force. */
  const [ahead, setAhead] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const begun = keyForm(base);
  const body = changeBody(form, begun);
  const dirty = Object.keys(body).length > 0;
  useEffect(() => onDirty(dirty), [dirty, onDirty]);

  /** Looks at what is there now; `version` is that of the file, where it is known. */
  const compare = (version?: string) => {
    keyDetail(base.id).then((now) => {
      setAhead(version !== undefined && now.version !== version);
      setTheirs(version === undefined || now.version === version ? now : null);
    }, setError);
  };
  const save = useMutation({
    mutationFn: () => changeKey(base.id, body, base.version),
    onSuccess: (now) => {
      setBase(now);
      setForm(keyForm(now));
      setError(null);
      toast("ok", now.message);
      void queries.invalidateQueries({ queryKey: ["keys"] });
    },
    onError: (problem) => {
      if (problem instanceof ApiError && problem.error === "config_conflict") compare(problem.version);
      else setError(problem);
    },
  });
  if (ahead) return <FileAhead onReady={() => compare()} />;
  if (theirs !== null) {
    return (
      <Conflict
        before={begun}
        theirs={keyForm(theirs)}
        mine={form}
        onChoose={(chosen) => {
          setBase(theirs);
          setForm(chosen);
          setTheirs(null);
          setError(null);
        }}
      />
    );
  }
  return (
    <form
      noValidate
      className={styles.stack}
      aria-label={t("section.settings")}
      onSubmit={(event) => {
        event.preventDefault();
        if (dirty && !locked && !save.isPending) save.mutate();
      }}
    >
      <h3 className={styles.heading}>{t("section.settings")}</h3>
      {error !== null && <ChangeProblem error={error} atFields={hasField} />}
      <KeyFields form={form} set={(change) => setForm((before) => ({ ...before, ...change }))} error={error} />
      <div className={styles.buttons}>
        <Button kind="primary" type="submit" busy={save.isPending} disabled={!dirty || locked}>
          {t("edit.save")}
        </Button>
        <Button disabled={!dirty} onClick={() => setForm(begun)}>
          {t("edit.reset")}
        </Button>
      </div>
    </form>
  );
}
