import { Eye, EyeOff } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { fieldError } from "../../api/error";
import { Field, Input } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import type { FieldsProps } from "./ProviderFields";
import type { KeyFrom } from "./form";
import styles from "./fields.module.css";

/** Where the key stands: in a variable, in a file, in the configuration itself, or where it does. */
export function KeyFields({ form, set, error, known, preset, environment }: FieldsProps) {
  const { t } = useTranslation("providers");
  const [shown, setShown] = useState(false);
  const name = useId();
  const list = useId();
  const ways: readonly KeyFrom[] = known === undefined ? ["env", "inline", "file"] : ["keep", "env", "inline", "file"];
  const wrong = fieldError(error, "/api_key");
  const variables = [...new Set([...(preset?.variables ?? []).filter((each) => environment.includes(each)), ...environment])];
  return (
    <fieldset className={styles.key}>
      <legend>{t("form.key")}</legend>
      <div className={styles.ways}>
        {ways.map((way) => (
          <label key={way}>
            <input type="radio" name={name} value={way} checked={form.keyFrom === way} onChange={() => set({ keyFrom: way })} />
            {way === "keep" && known !== undefined ? t("form.keyFrom.keep", { masked: known.masked }) : t(`form.keyFrom.${way}`)}
          </label>
        ))}
      </div>
      {form.keyFrom === "env" && (
        <>
          <Field label={t("form.variable")} note={variables.length > 0 ? t("form.variableFound", { names: variables.join(", ") }) : t("form.variableNote")} error={wrong} required>
            {(control) => <Input {...control} code list={list} value={form.variable} autoComplete="off" spellCheck={false} onChange={(event) => set({ variable: event.target.value })} />}
          </Field>
          <datalist id={list}>
            {variables.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </>
      )}
      {form.keyFrom === "inline" && (
        <Field label={t("form.keyText")} note={preset?.needs_key === false && preset.id !== "custom" ? t("form.noKeyNeeded") : t("form.keyTextNote")} error={wrong} required>
          {(control) => (
            <div className={styles.secret}>
              <Input {...control} code type={shown ? "text" : "password"} value={form.key} autoComplete="new-password" spellCheck={false} onChange={(event) => set({ key: event.target.value })} />
              <IconButton icon={shown ? EyeOff : Eye} label={shown ? t("form.hideKey") : t("form.showKey")} aria-pressed={shown} onClick={() => setShown(!shown)} />
            </div>
          )}
        </Field>
      )}
      {form.keyFrom === "file" && (
        <Field label={t("form.keyFile")} note={t("form.keyFileNote")} error={wrong} required>
          {(control) => <Input {...control} code value={form.keyFile} placeholder={t("form.keyFileExample")} autoComplete="off" spellCheck={false} onChange={(event) => set({ keyFile: event.target.value })} />}
        </Field>
      )}
      {form.keyFrom === "keep" && wrong !== undefined && <p className={styles.wrong}>{wrong}</p>}
      {preset?.keys_url !== undefined && preset.keys_url !== null && (
        <p className={styles.note}>
          <a href={preset.keys_url} target="_blank" rel="noreferrer noopener">
            {t("form.getKey", { name: preset.name })}
          </a>
        </p>
      )}
    </fieldset>
  );
}
