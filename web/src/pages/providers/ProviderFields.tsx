import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { fieldError } from "../../api/error";
import { Button } from "../../ui/Button";
import { Checkbox, Field, Input, Select, TextArea } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { KeyFields } from "./KeyFields";
import type { HeaderLine, ModelLine, Preset, ProviderForm } from "./form";
import styles from "./fields.module.css";

export type FieldsProps = {
  form: ProviderForm;
  set: (change: Partial<ProviderForm>) => void;
  error: unknown;
  /** The masked key that there is; undefined: a new provider. */
  known?: { masked: string; source: string };
  preset?: Preset;
  environment: readonly string[];
};

/** What a new account needs, and what is asked first of one there is. */
export function BasicFields({ form, set, error, known, preset, environment }: FieldsProps) {
  const { t } = useTranslation("providers");
  const address = preset?.base_url ?? undefined;
  return (
    <div className={styles.fields}>
      {preset?.id === "custom" && (
        <Field label={t("form.type")} error={fieldError(error, "/provider_type")}>
          {(control) => (
            <Select
              {...control}
              value={form.type}
              onChange={(event) => set({ type: event.target.value as ProviderForm["type"] })}
              options={(["openai-compat", "openai", "claude", "gemini"] as const).map((type) => ({ value: type, label: t(`type.${type}`) }))}
            />
          )}
        </Field>
      )}
      <div className={styles.pair}>
        <Field label={t("form.name")} note={t("form.nameNote")} error={fieldError(error, "/name")}>
          {(control) => <Input {...control} value={form.name} autoComplete="off" spellCheck={false} onChange={(event) => set({ name: event.target.value })} />}
        </Field>
        <Field label={t("form.baseUrl")} note={form.type === "openai-compat" ? t("form.baseUrlNeeded") : t("form.baseUrlNote")} error={fieldError(error, "/base_url")} required={form.type === "openai-compat"}>
          {(control) => <Input {...control} code type="url" value={form.baseUrl} placeholder={address} autoComplete="off" spellCheck={false} onChange={(event) => set({ baseUrl: event.target.value })} />}
        </Field>
      </div>
      <KeyFields form={form} set={set} error={error} environment={environment} {...(known !== undefined && { known })} {...(preset !== undefined && { preset })} />
    </div>
  );
}

/** Models that it serves, under which names; none: every one. */
export function ModelFields({ form, set, error }: Pick<FieldsProps, "form" | "set" | "error">) {
  const { t } = useTranslation("providers");
  const change = (at: number, line: Partial<ModelLine>) => set({ models: form.models.map((each, nth) => (nth === at ? { ...each, ...line } : each)) });
  return (
    <div className={styles.fields}>
      <p className={styles.note}>{form.models.length === 0 ? t("form.everyModel") : t("form.modelsNote")}</p>
      {form.models.map((model, at) => (
        <div key={at} className={styles.line} role="group" aria-label={t("form.modelLine", { number: at + 1 })}>
          <Field label={t("form.modelId")} error={fieldError(error, `/models/${at}/id`)}>
            {(control) => <Input {...control} code value={model.id} spellCheck={false} autoComplete="off" onChange={(event) => change(at, { id: event.target.value })} />}
          </Field>
          <Field label={t("form.modelAlias")} error={fieldError(error, `/models/${at}/alias`)}>
            {(control) => <Input {...control} code value={model.alias} spellCheck={false} autoComplete="off" onChange={(event) => change(at, { alias: event.target.value })} />}
          </Field>
          <IconButton icon={X} label={t("form.removeModel", { name: model.id || at + 1 })} onClick={() => set({ models: form.models.filter((_, nth) => nth !== at) })} />
        </div>
      ))}
      <div>
        <Button small icon={Plus} onClick={() => set({ models: [...form.models, { id: "", alias: "" }] })}>
          {t("form.addModel")}
        </Button>
      </div>
      <Field label={t("form.excluded")} note={t("form.excludedNote")} error={fieldError(error, "/excluded_models")}>
        {(control) => <TextArea {...control} code rows={2} spellCheck={false} value={form.excluded} onChange={(event) => set({ excluded: event.target.value })} />}
      </Field>
    </div>
  );
}

export function HeaderFields({ form, set, error }: Pick<FieldsProps, "form" | "set" | "error">) {
  const { t } = useTranslation("providers");
  const change = (at: number, line: Partial<HeaderLine>) => set({ headers: form.headers.map((each, nth) => (nth === at ? { ...each, ...line } : each)) });
  return (
    <div className={styles.fields}>
      <p className={styles.note}>{t("form.headersNote")}</p>
      {form.headers.map((header, at) => (
        <div key={at} className={styles.line} role="group" aria-label={t("form.headerLine", { number: at + 1 })}>
          <Field label={t("form.headerName")}>
            {(control) => <Input {...control} code value={header.name} spellCheck={false} autoComplete="off" onChange={(event) => change(at, { name: event.target.value })} />}
          </Field>
          <Field label={t("form.headerValue")} error={fieldError(error, `/headers/${header.name}`)}>
            {(control) => <Input {...control} code value={header.value} spellCheck={false} autoComplete="off" onChange={(event) => change(at, { value: event.target.value })} />}
          </Field>
          <IconButton icon={X} label={t("form.removeHeader", { name: header.name || at + 1 })} onClick={() => set({ headers: form.headers.filter((_, nth) => nth !== at) })} />
        </div>
      ))}
      <div>
        <Button small icon={Plus} onClick={() => set({ headers: [...form.headers, { name: "", value: "" }] })}>
          {t("form.addHeader")}
        </Button>
      </div>
    </div>
  );
}

/** What has good defaults. */
export function MoreFields({ form, set, error }: Pick<FieldsProps, "form" | "set" | "error">) {
  const { t } = useTranslation("providers");
  const plain = (field: "prefix" | "weight" | "priority" | "connect" | "firstByte" | "idle", pointer: string) => (
    <Field label={t(`form.${field}`)} note={t(`form.${field}Note`)} error={fieldError(error, pointer)}>
      {(control) => <Input {...control} code value={form[field]} spellCheck={false} autoComplete="off" onChange={(event) => set({ [field]: event.target.value })} />}
    </Field>
  );
  return (
    <div className={styles.fields}>
      <div className={styles.columns}>
        {plain("prefix", "/prefix")}
        {plain("weight", "/weight")}
        {plain("priority", "/priority")}
        {plain("connect", "/timeouts/connect")}
        {plain("firstByte", "/timeouts/first_byte")}
        {plain("idle", "/timeouts/idle")}
        <Field label={t("form.proxy")} error={form.proxy === "own" ? undefined : fieldError(error, "/proxy_url")}>
          {(control) => (
            <Select {...control} value={form.proxy} onChange={(event) => set({ proxy: event.target.value as ProviderForm["proxy"] })} options={(["general", "none", "own"] as const).map((value) => ({ value, label: t(`form.proxyKind.${value}`) }))} />
          )}
        </Field>
        {form.proxy === "own" && (
          <Field label={t("form.proxyUrl")} error={fieldError(error, "/proxy_url")}>
            {(control) => <Input {...control} code value={form.proxyUrl} spellCheck={false} autoComplete="off" onChange={(event) => set({ proxyUrl: event.target.value })} />}
          </Field>
        )}
        <Field label={t("form.authStyle")} error={fieldError(error, "/auth_style")}>
          {(control) => (
            <Select
              {...control}
              value={form.authStyle}
              onChange={(event) => set({ authStyle: event.target.value })}
              options={[{ value: "", label: t("form.authStyleDefault") }, ...["bearer", "x-api-key", "x-goog-api-key"].map((value) => ({ value, label: value }))]}
            />
          )}
        </Field>
        {(form.type === "openai" || form.type === "openai-compat") && (
          <Field label={t("form.wireApi")} error={fieldError(error, "/wire_api")}>
            {(control) => <Select {...control} value={form.wireApi} onChange={(event) => set({ wireApi: event.target.value })} options={["chat", "responses"].map((value) => ({ value, label: value }))} />}
          </Field>
        )}
      </div>
      <Checkbox label={t("form.allowInsecure")} note={fieldError(error, "/allow_insecure") ?? t("form.allowInsecureNote")} checked={form.allowInsecure} onChange={(event) => set({ allowInsecure: event.target.checked })} />
      <p className={styles.note}>{t("form.elsewhere")}</p>
    </div>
  );
}

const PLACES = ["/name", "/base_url", "/api_key", "/provider_type", "/prefix", "/weight", "/priority", "/timeouts/connect", "/timeouts/first_byte", "/timeouts/idle", "/proxy_url", "/auth_style", "/wire_api", "/allow_insecure", "/excluded_models"];

/** Whether what is wrong there is said at a field. */
export function hasField(form: ProviderForm): (path: string) => boolean {
  return (path) =>
    PLACES.includes(path) || form.models.some((_, at) => path === `/models/${at}/id` || path === `/models/${at}/alias`) || form.headers.some(({ name }) => path === `/headers/${name}`);
}
