import { useTranslation } from "react-i18next";

import { Card } from "../../ui/Card";
import { Checkbox, Field, Input, Select } from "../../ui/Field";
import { type Draft, RETRY_FIELDS, type RetryField, useDraft } from "./draft";
import { messagesAt, NameRules, Wrong } from "./NameRules";
import { PayloadRules } from "./PayloadRules";
import styles from "./routing.module.css";

const STRATEGIES = ["round-robin", "weighted", "fill-first", "least-in-flight", "lowest-latency", "sticky-key", "sticky-session", "sticky-prefix"] as const;

/** All rules in the order in which they act on a request. `error`: why the edited ones cannot be used. */
export function RuleSections({ draft, error }: { draft: Draft; error: unknown }) {
  return (
    <>
      <NameRules list="rewrites" rows={draft.rewrites} error={error} />
      <NameRules list="pins" rows={draft.pins} error={error} />
      <Strategy draft={draft} error={error} />
      <NameRules list="fallbacks" rows={draft.fallbacks} error={error} />
      <Retry draft={draft} error={error} />
      <PayloadRules draft={draft} error={error} />
    </>
  );
}

function Strategy({ draft, error }: { draft: Draft; error: unknown }) {
  const { t } = useTranslation("routing");
  const edit = useDraft((state) => state.edit);
  const known = STRATEGIES.find((each) => each === draft.strategy);
  return (
    <Card title={t("strategy.title")} note={t("strategy.note")}>
      <div className={styles.stack}>
        <Field label={t("strategy.label")} hideLabel note={known === undefined ? undefined : t(`strategy.about.${known}`)} error={messagesAt(error, "/strategy")[0]}>
          {(control) => <Select {...control} value={draft.strategy} onChange={(event) => edit({ strategy: event.target.value })} options={STRATEGIES.map((each) => ({ value: each, label: each }))} />}
        </Field>
        <Checkbox label={t("strategy.prefix")} checked={draft.forcePrefix} onChange={(event) => edit({ forcePrefix: event.target.checked })} />
        <Wrong messages={messagesAt(error, "/force_model_prefix")} />
      </div>
    </Card>
  );
}

function Retry({ draft, error }: { draft: Draft; error: unknown }) {
  const { t } = useTranslation("routing");
  const edit = useDraft((state) => state.edit);
  const set = (field: RetryField, value: string) => edit({ retry: { ...draft.retry, [field]: value } });
  return (
    <Card title={t("retry.title")} note={t("retry.note")}>
      <div className={styles.numbers}>
        {RETRY_FIELDS.map((field) => (
          <Field key={field} label={t(`retry.${field}`)} note={t(`retry.unit.${field}`)} error={messagesAt(error, `/retry/${field}`)[0]}>
            {(control) => <Input {...control} type="number" min={0} step="any" value={draft.retry[field]} placeholder={t("retry.usual")} onChange={(event) => set(field, event.target.value)} />}
          </Field>
        ))}
      </div>
    </Card>
  );
}
