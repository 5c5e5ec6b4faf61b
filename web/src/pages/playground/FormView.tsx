import { Plus } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Field, Input, TextArea } from "../../ui/Field";
import type { Form, Message } from "./form";
import { MessageEditor } from "./MessageEditor";
import styles from "./playground.module.css";
import { ToolsEditor } from "./ToolsEditor";

/** The request as a form, the same for all formats. */
export function FormView({ form, onForm }: { form: Form; onForm: (form: Form) => void }) {
  const { t } = useTranslation("playground");
  const set = (change: Partial<Form>) => onForm({ ...form, ...change });
  const put = (at: number, message: Message) => set({ messages: form.messages.map((each, nth) => (nth === at ? message : each)) });
  const move = (at: number, by: 1 | -1) => {
    const list = [...form.messages];
    const [moved] = list.splice(at, 1);
    if (moved !== undefined) list.splice(at + by, 0, moved);
    set({ messages: list });
  };
  const last = form.messages.at(-1);
  const extra = Object.keys(form.extra);
  return (
    <div className={styles.form}>
      <Field label={t("system")}>{(control) => <TextArea {...control} rows={2} className={styles.short} value={form.system} placeholder={t("systemNote")} onChange={(event) => set({ system: event.target.value })} />}</Field>
      <section className={styles.part} aria-label={t("messages")}>
        <h3>{t("messages")}</h3>
        {form.messages.map((message, at) => (
          <MessageEditor
            key={at}
            message={message}
            number={at + 1}
            count={form.messages.length}
            onChange={(next) => put(at, next)}
            onMove={(by) => move(at, by)}
            onRemove={() => set({ messages: form.messages.filter((_, nth) => nth !== at) })}
          />
        ))}
        <Button small icon={Plus} className={styles.add} onClick={() => set({ messages: [...form.messages, { role: last?.role === "user" ? "assistant" : "user", parts: [{ kind: "text", text: "" }] }] })}>
          {t("addMessage")}
        </Button>
      </section>
      <ToolsEditor tools={form.tools} onChange={(tools) => set({ tools })} />
      <section className={styles.part} aria-label={t("params")}>
        <h3>{t("params")}</h3>
        <div className={styles.params}>
          <NumberField label={t("param.maxTokens")} value={form.maxTokens} step={1} onChange={(maxTokens) => set({ maxTokens })} />
          <NumberField label={t("param.temperature")} value={form.temperature} step={0.1} onChange={(temperature) => set({ temperature })} />
          <NumberField label={t("param.topP")} value={form.topP} step={0.05} onChange={(topP) => set({ topP })} />
        </div>
        {form.format !== "responses" && (
          <Field label={t("param.stop")}>
            {(control) => <TextArea {...control} rows={1} className={styles.short} value={form.stop.join("\n")} onChange={(event) => set({ stop: event.target.value === "" ? [] : event.target.value.split("\n") })} />}
          </Field>
        )}
        {extra.length > 0 && <p className={styles.muted}>{t("extra", { fields: extra.join(", ") })}</p>}
      </section>
    </div>
  );
}

function NumberField({ label, value, step, onChange }: { label: string; value: number | null; step: number; onChange: (value: number | null) => void }) {
  return (
    <Field label={label}>
      {(control) => <Input {...control} type="number" min={0} step={step} value={value ?? ""} onChange={(event) => onChange(event.target.value === "" || Number.isNaN(event.target.valueAsNumber) ? null : event.target.valueAsNumber)} />}
    </Field>
  );
}
