import { useTranslation } from "react-i18next";

import { ApiError, fieldError } from "../../api/error";
import { Button } from "../../ui/Button";
import { Field, Input, TextArea } from "../../ui/Field";
import { type KeyForm, localTime, pointer } from "./form";
import styles from "./keys.module.css";

const DAYS = [7, 30, 90, 365] as const;

/** What is wrong with a field, or with one line of it. */
function wrong(error: unknown, field: keyof KeyForm): string | undefined {
  const at = pointer(field);
  const own = fieldError(error, at);
  if (own !== undefined || !(error instanceof ApiError)) return own;
  return error.fields.find(({ path }) => path.startsWith(`${at}/`))?.message;
}

export type KeyFieldsProps = { form: KeyForm; set: (change: Partial<KeyForm>) => void; error: unknown };

export function KeyFields({ form, set, error }: KeyFieldsProps) {
  const { t } = useTranslation("keys");
  const limit = (field: "requests" | "tokens" | "concurrent") => (
    <Field label={t(`limit.${field}`)} error={wrong(error, field)}>
      {(control) => <Input {...control} code inputMode="numeric" value={form[field]} placeholder={t("noLimit")} autoComplete="off" onChange={(event) => set({ [field]: event.target.value })} />}
    </Field>
  );
  return (
    <div className={styles.fields}>
      <Field label={t("form.name")} note={t("form.nameNote")} error={wrong(error, "name")} required>
        {(control) => <Input {...control} value={form.name} autoComplete="off" spellCheck={false} onChange={(event) => set({ name: event.target.value })} />}
      </Field>
      <Field label={t("form.expires")} note={t("form.expiresNote")} error={wrong(error, "expires")}>
        {(control) => (
          <div className={styles.expiry}>
            <Input {...control} type="datetime-local" value={form.expires} onChange={(event) => set({ expires: event.target.value })} />
            <div className={styles.quick}>
              {DAYS.map((days) => (
                <Button key={days} small onClick={() => set({ expires: localTime(Date.now() + days * 86_400_000) })}>
                  {t("form.inDays", { count: days })}
                </Button>
              ))}
              <Button small onClick={() => set({ expires: "" })}>
                {t("never")}
              </Button>
            </div>
          </div>
        )}
      </Field>
      <div className={styles.columns}>
        {limit("requests")}
        {limit("tokens")}
        {limit("concurrent")}
      </div>
      <Field label={t("form.models")} note={t("form.modelsNote")} error={wrong(error, "models")}>
        {(control) => <TextArea {...control} code rows={2} spellCheck={false} value={form.models} onChange={(event) => set({ models: event.target.value })} />}
      </Field>
      <Field label={t("form.providers")} note={t("form.providersNote")} error={wrong(error, "providers")}>
        {(control) => <TextArea {...control} code rows={2} spellCheck={false} value={form.providers} onChange={(event) => set({ providers: event.target.value })} />}
      </Field>
    </div>
  );
}
