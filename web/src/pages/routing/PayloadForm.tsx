import { useState } from "react";
import { useTranslation } from "react-i18next";

import { isRecord } from "../../api/error";
import { Button } from "../../ui/Button";
import { Modal } from "../../ui/Dialog";
import { Field, TextArea } from "../../ui/Field";
import type { Matcher, PayloadKind, PayloadRow } from "./draft";
import styles from "./routing.module.css";

type Props = { kind: PayloadKind; row: PayloadRow; onKeep: (row: PayloadRow) => void; onClose: () => void };

/** A payload rule as JSON, in the words of the API; the gateway judges it when it is in its list. */
export function PayloadForm({ kind, row, onKeep, onClose }: Props) {
  const { t } = useTranslation("routing");
  const [models, setModels] = useState(() => JSON.stringify(row.models.map(short), null, 2));
  const [params, setParams] = useState(() => JSON.stringify(row.params, null, 2));
  const [wrong, setWrong] = useState<{ models?: string; params?: string }>({});
  const keep = () => {
    const readModels = matchers(models);
    const readParams = parsed(params);
    const fits = kind === "filter" ? Array.isArray(readParams) : isRecord(readParams);
    setWrong({ ...(readModels === null && { models: t("payload.modelsWrong") }), ...(!fits && { params: t(kind === "filter" ? "payload.filterWrong" : "payload.paramsWrong") }) });
    if (readModels !== null && fits) onKeep({ id: row.id, models: readModels, params: readParams, known: null });
  };
  return (
    <Modal
      title={t("payload.formTitle", { kind })}
      onClose={onClose}
      width={640}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" onClick={keep}>
            {t("payload.keep")}
          </Button>
        </>
      }
    >
      <div className={styles.stack}>
        <Field label={t("payload.models")} note={t("payload.modelsNote")} error={wrong.models}>
          {(control) => <TextArea {...control} code rows={9} spellCheck={false} value={models} onChange={(event) => setModels(event.target.value)} />}
        </Field>
        <Field label={t("payload.params")} note={t(kind === "filter" ? "payload.filterNote" : kind.endsWith("raw") ? "payload.rawNote" : "payload.paramsNote")} error={wrong.params}>
          {(control) => <TextArea {...control} code rows={6} spellCheck={false} value={params} onChange={(event) => setParams(event.target.value)} />}
        </Field>
      </div>
    </Modal>
  );
}

/** Only what is said. */
function short(matcher: Matcher): Partial<Matcher> {
  return Object.fromEntries(Object.entries(matcher).filter(([, value]) => value !== null && JSON.stringify(value) !== "{}" && JSON.stringify(value) !== "[]"));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function matchers(text: string): Matcher[] | null {
  const value = parsed(text);
  if (!Array.isArray(value) || !value.every((each) => isRecord(each) && typeof each.name === "string")) return null;
  return (value as (Partial<Matcher> & { name: string })[]).map((each) => ({ protocol: null, from_protocol: null, headers: {}, match: {}, not_match: {}, exist: [], not_exist: [], ...each }));
}
