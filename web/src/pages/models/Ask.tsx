import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call, type Schemas } from "../../api/client";
import { Card } from "../../ui/Card";
import { ErrorCard } from "../../ui/ErrorCard";
import { Field, Input, Select } from "../../ui/Field";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./models.module.css";
import { Resolution } from "./Resolution";
import { type Format, FORMATS } from "./search";

export type AskProps = {
  model: string;
  format: Format;
  /** The identifier of a client key; empty: none in particular. */
  as: string;
  /** Names to offer. */
  names: readonly string[];
  onChange: (change: { ask?: string; format?: Format; as?: string }) => void;
};

const SETTLE = 200; // ms: while somebody types, nothing is asked

/** What is being typed; the address follows when it has settled. */
function useDraft(model: string, onSettled: (model: string) => void) {
  const [draft, setDraft] = useState(model);
  const [seen, setSeen] = useState(model);
  const [sent, setSent] = useState(model);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (model !== seen) {
    setSeen(model);
    // It was changed from elsewhere, as by a link.
    if (model !== sent) setDraft(model);
  }
  const type = (text: string) => {
    setDraft(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setSent(text.trim());
      onSettled(text.trim());
    }, SETTLE);
  };
  return { draft, type };
}

/** Where a request for a name would go now, told while it is typed. */
export function Ask({ model, format, as, names, onChange }: AskProps) {
  const { t } = useTranslation("models");
  const { draft, type } = useDraft(model, (ask) => onChange({ ask }));
  const keys = useQuery({ queryKey: ["keys", "names"], queryFn: () => call(api.GET("/api/dashboard/auth-keys")), staleTime: 60_000 });
  const answer = useQuery({
    queryKey: ["models", "explain", model, format, as],
    queryFn: () => {
      // The other fields have defaults.
      const question = { model, format, ...(as !== "" && { api_key_id: as }) } as Schemas["RouteQuestion"];
      return call(api.POST("/api/dashboard/routing/explain", { body: question }));
    },
    enabled: model !== "",
    // Health and load change it.
    refetchInterval: 5_000,
  });
  return (
    <Card title={t("ask.title")}>
      <div className={styles.ask}>
        <Field label={t("ask.model")}>
          {(control) => (
            <>
              <Input {...control} code value={draft} placeholder={t("ask.placeholder")} list={`${control.id}-names`} spellCheck={false} autoComplete="off" maxLength={256} onChange={(event) => type(event.target.value)} />
              <datalist id={`${control.id}-names`}>
                {names.map((name) => (
                  <option key={name} value={name} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field label={t("ask.format")}>
          {(control) => <Select {...control} value={format} onChange={(event) => onChange({ format: event.target.value as Format })} options={FORMATS.map((value) => ({ value, label: value }))} />}
        </Field>
        <Field label={t("ask.key")}>
          {(control) => (
            <Select
              {...control}
              value={as}
              onChange={(event) => onChange({ as: event.target.value })}
              options={[{ value: "", label: t("ask.anyKey") }, ...(keys.data?.auth_keys ?? []).map((key) => ({ value: key.id, label: key.name }))]}
            />
          )}
        </Field>
      </div>
      <div className={styles.resolution} aria-live="polite" aria-busy={answer.isFetching}>
        {model === "" && <p className={styles.hint}>{t("ask.hint")}</p>}
        {answer.isError && <ErrorCard error={answer.error} onRetry={() => void answer.refetch()} />}
        {answer.isLoading && <Skeleton height={120} />}
        {answer.data !== undefined && model !== "" && <Resolution model={model} format={format} as={as} answer={answer.data} />}
      </div>
    </Card>
  );
}
