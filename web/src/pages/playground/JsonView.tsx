import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Field, TextArea } from "../../ui/Field";
import { decode } from "./decode";
import { encode } from "./encode";
import { type Form, object } from "./form";

/** The body as text. The form follows while it is JSON. */
export function JsonView({ form, onForm, onBad }: { form: Form; onForm: (form: Form) => void; onBad: (bad: boolean) => void }) {
  const { t } = useTranslation("playground");
  const written = JSON.stringify(encode(form), null, 2);
  const [draft, setDraft] = useState({ text: written, of: written });
  const [problem, setProblem] = useState<string | null>(null);
  const bad = problem !== null;
  // Gone with this view, or with what was wrong: then nothing keeps it from being sent.
  useEffect(() => {
    onBad(bad);
    return () => onBad(false);
  }, [bad, onBad]);
  // Something else has changed the form: the switch for streaming, say.
  if (draft.of !== written) {
    setDraft({ text: written, of: written });
    if (problem !== null) setProblem(null);
  }
  const change = (text: string) => {
    let next: Form | null = null;
    let wrong: string | null = null;
    try {
      const body = object(JSON.parse(text));
      if (body === null) wrong = t("badJsonObject");
      else next = decode(form.format, body, form);
    } catch (error) {
      wrong = t("badJson", { message: error instanceof Error ? error.message : String(error) });
    }
    setProblem(wrong);
    setDraft({ text, of: next === null ? draft.of : JSON.stringify(encode(next), null, 2) });
    if (next !== null) onForm(next);
  };
  return (
    <Field label={t("jsonLabel")} note={t("jsonNote")} error={problem ?? undefined}>
      {(control) => <TextArea {...control} code rows={22} spellCheck={false} value={draft.text} onChange={(event) => change(event.target.value)} />}
    </Field>
  );
}
