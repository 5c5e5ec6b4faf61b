import { useQuery } from "@tanstack/react-query";
import { RotateCcw, Send, Square } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../../api/client";
import { WIRE_FORMATS, type WireFormat } from "../../lib/answer";
import { useShortcut } from "../../lib/useShortcut";
import { Button } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { Field, Input, Select, Switch } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { Tabs } from "../../ui/Tabs";
import { convert } from "./convert";
import { CopyAs } from "./CopyAs";
import { Examples } from "./Examples";
import type { Form } from "./form";
import { FormView } from "./FormView";
import type { Past } from "./history";
import { HistoryMenu } from "./HistoryMenu";
import { JsonView } from "./JsonView";
import styles from "./playground.module.css";

export type AskingProps = {
  form: Form;
  onForm: (form: Form) => void;
  credential: string;
  onCredential: (credential: string) => void;
  running: boolean;
  onSend: () => void;
  onStop: () => void;
  history: readonly Past[];
  onPast: (past: Past) => void;
  onForget: () => void;
  onReset: () => void;
};

/** The left side: what is asked, of whom, and the buttons. */
export function Asking({ form, onForm, credential, onCredential, running, onSend, onStop, history, onPast, onForget, onReset }: AskingProps) {
  const { t } = useTranslation("playground");
  const [view, setView] = useState<"form" | "json">("form");
  const [badJson, setBadJson] = useState(false);
  const list = useId();
  const models = useQuery({ queryKey: ["models"], queryFn: () => call(api.GET("/api/dashboard/models")), staleTime: 60_000 });
  const rows = models.data?.models ?? [];
  const names = rows.filter((row) => !row.name.includes("*")).map((row) => row.name);
  const credentials = [...new Set(rows.flatMap((row) => row.targets.map((target) => target.credential)))].sort();
  const set = (change: Partial<Form>) => onForm({ ...form, ...change });
  const missing = form.model.trim() === "";
  const ready = !running && !missing && !(view === "json" && badJson);
  const send = () => {
    if (ready) onSend();
  };
  useShortcut("Mod+enter", send);
  return (
    <Card
      title={t("ask")}
      actions={
        <>
          <Examples onForm={onForm} format={form.format} />
          <HistoryMenu history={history} onPast={onPast} onForget={onForget} />
          <IconButton icon={RotateCcw} small label={t("reset")} onClick={onReset} />
        </>
      }
    >
      <div className={styles.form}>
        <div className={styles.pair}>
          <Field label={t("format")}>
            {(control) => <Select {...control} value={form.format} onChange={(event) => onForm(convert(form, event.target.value as WireFormat))} options={WIRE_FORMATS.map((value) => ({ value, label: t(`formats.${value}`) }))} />}
          </Field>
          <Field label={t("credential")}>
            {(control) => <Select {...control} value={credential} onChange={(event) => onCredential(event.target.value)} options={[{ value: "", label: t("anyCredential") }, ...credentials.map((name) => ({ value: name, label: name }))]} />}
          </Field>
        </div>
        <Field label={t("model")} error={missing ? t("modelNeeded") : undefined}>
          {(control) => <Input {...control} code list={list} spellCheck={false} autoComplete="off" value={form.model} onChange={(event) => set({ model: event.target.value })} />}
        </Field>
        <datalist id={list}>
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Switch label={t("stream")} checked={form.stream} onChange={(stream) => set({ stream })} />
        <Tabs
          label={t("views.label")}
          value={view}
          onChange={setView}
          tabs={[
            { value: "form", label: t("views.form"), content: <FormView form={form} onForm={onForm} /> },
            { value: "json", label: t("views.json"), content: <JsonView form={form} onForm={onForm} onBad={setBadJson} /> },
          ]}
        />
        <div className={styles.buttons}>
          {running ? (
            <Button kind="danger" icon={Square} onClick={onStop}>
              {t("stop")}
            </Button>
          ) : (
            <Button kind="primary" icon={Send} disabled={!ready} title={t("sendKey")} onClick={send}>
              {t("send")}
            </Button>
          )}
          <CopyAs form={form} />
        </div>
      </div>
    </Card>
  );
}
