import { ArrowRight } from "lucide-react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../../api/error";
import { Card } from "../../ui/Card";
import { Field, Input } from "../../ui/Field";
import { ConfigLink } from "./ConfigLink";
import { newId, type NameRow, useDraft } from "./draft";
import { RuleList } from "./RuleList";
import styles from "./routing.module.css";

/** The three lists of rules that lead from a pattern of names to other names. */
const LISTS = {
  rewrites: { path: "/model_rewrites", place: "model-rewrites" },
  fallbacks: { path: "/fallbacks", place: "fallbacks" },
  pins: { path: "/provider_pins", place: "provider-pins" },
} as const;

export function NameRules({ list, rows, error }: { list: keyof typeof LISTS; rows: readonly NameRow[]; error: unknown }) {
  const { t } = useTranslation("routing");
  const edit = useDraft((state) => state.edit);
  const base = useDraft((state) => state.base);
  const { path, place } = LISTS[list];
  const inForce = base === null ? 0 : list === "rewrites" ? base.model_rewrites.length : list === "fallbacks" ? base.fallbacks.length : base.provider_pins.length;
  const change = (next: readonly NameRow[]) => edit({ [list]: next });
  const set = (row: NameRow, values: Partial<NameRow>) => change(rows.map((each) => (each.id === row.id ? { ...each, ...values } : each)));
  return (
    <Card title={t(`${list}.title`)} note={t(`${list}.note`)} actions={inForce > 0 ? <ConfigLink at={place} /> : undefined}>
      <RuleList
        label={t(`${list}.title`)}
        rows={rows}
        onChange={change}
        name={(row) => row.pattern || t("list.unnamed")}
        empty={t(`${list}.empty`)}
        add={t(`${list}.add`)}
        onAdd={() => change([...rows, { id: newId(), pattern: "", to: "" }])}
        below={(_, at) => <Wrong messages={messagesAt(error, `${path}/${at}`)} />}
      >
        {(row, at) => (
          <>
            <Field label={t(`${list}.pattern`, { place: at + 1 })} hideLabel>
              {(control) => <Input {...control} code small spellCheck={false} value={row.pattern} placeholder={t(`${list}.patternExample`)} onChange={(event) => set(row, { pattern: event.target.value })} />}
            </Field>
            <ArrowRight size={14} aria-hidden className={styles.arrow} />
            <Field label={t(`${list}.to`, { place: at + 1 })} hideLabel>
              {(control) => <Input {...control} code small spellCheck={false} value={row.to} placeholder={t(`${list}.toExample`)} onChange={(event) => set(row, { to: event.target.value })} />}
            </Field>
          </>
        )}
      </RuleList>
    </Card>
  );
}

/** What the gateway says of the value at a pointer, and of what is in it. */
export function messagesAt(error: unknown, pointer: string): string[] {
  if (!(error instanceof ApiError)) return [];
  return error.fields.filter((field) => field.path === pointer || field.path.startsWith(`${pointer}/`)).map((field) => field.message);
}

export function Wrong({ messages }: { messages: readonly string[] }) {
  return messages.map((message) => (
    <p key={message} className={styles.wrong}>
      {message}
    </p>
  ));
}
