import { useTranslation } from "react-i18next";

import { Field, TextArea } from "../../ui/Field";

/** A text that should be JSON; while it is not, the field says so. */
export function JsonField({ label, value, onChange, rows = 3 }: { label: string; value: string; onChange: (value: string) => void; rows?: number }) {
  const { t } = useTranslation("playground");
  let problem: string | undefined;
  try {
    JSON.parse(value);
  } catch (error) {
    problem = t("badJson", { message: error instanceof Error ? error.message : String(error) });
  }
  return (
    <Field label={label} error={problem}>
      {(control) => <TextArea {...control} code rows={rows} spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}
