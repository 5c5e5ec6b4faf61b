import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { FetchedModels } from "./FetchedModels";
import { type Detail, trialBody } from "./form";
import { BasicFields, type FieldsProps, hasField, HeaderFields, ModelFields, MoreFields } from "./ProviderFields";
import styles from "./fields.module.css";
import { TrialPanel } from "./TrialPanel";

export type SettingsFormProps = FieldsProps & {
  id: string;
  /** The provider that is changed; undefined: a new one. */
  detail?: Detail;
  onSubmit: () => void;
  /** What a test or a list of models says is wrong with the settings. */
  onError: (error: unknown) => void;
};

/** All settings, to be tried out before they are saved. */
export function SettingsForm({ id, detail, onSubmit, onError, ...fields }: SettingsFormProps) {
  const { t } = useTranslation("providers");
  const { form, set } = fields;
  const names = form.models.map((model) => form.prefix.trim() + (model.alias.trim() || model.id.trim())).filter((name) => name !== "" && !/[*?]/.test(name));
  const atFields = hasField(form);
  const pick = (model: string, picked: boolean) => {
    const rest = form.models.filter((each) => each.id !== model && each.id !== "");
    set({ models: picked ? [...rest, { id: model, alias: "" }] : rest });
  };
  const trial = (model: string | null, stream: boolean) => call(api.POST("/api/dashboard/providers/test", { body: { ...trialBody(form, detail), model, stream } }));
  const list = () => call(api.POST("/api/dashboard/providers/models", { body: { ...trialBody(form, detail), model: null, stream: true } }));
  return (
    <form
      id={id}
      noValidate
      className={styles.fields}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <BasicFields {...fields} />
      <Details title={t("form.models")} open={form.models.length > 0}>
        <div className={styles.fields}>
          <ModelFields {...fields} />
          <FetchedModels fetchModels={list} served={form.models.map((model) => model.id)} onPick={pick} atFields={atFields} onError={onError} />
        </div>
      </Details>
      <Details title={t("form.test")} open>
        <TrialPanel send={trial} models={names} atFields={atFields} onError={onError} />
      </Details>
      <Details title={t("form.headers")} open={form.headers.length > 0}>
        <HeaderFields {...fields} />
      </Details>
      <Details title={t("form.more")} open={wrongInside(fields.error)}>
        <MoreFields {...fields} />
      </Details>
    </form>
  );
}

const MORE = /^\/(prefix|weight|priority|timeouts|proxy_url|auth_style|wire_api|allow_insecure)/;

/** What is closed must open when something in it is wrong. */
function wrongInside(error: unknown): boolean {
  const fields = error instanceof Error && "fields" in error && Array.isArray(error.fields) ? (error.fields as { path: string }[]) : [];
  return fields.some(({ path }) => MORE.test(path));
}

function Details({ title, open, children }: { title: string; open: boolean; children: ReactNode }) {
  return (
    <details className={styles.details} {...(open && { open: true })}>
      <summary>{title}</summary>
      <div>{children}</div>
    </details>
  );
}
