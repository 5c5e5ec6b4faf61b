import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { ChangeProblem } from "../../ui/Change";
import { Checkbox, Field, Input } from "../../ui/Field";
import styles from "./panel.module.css";

export type FetchedModelsProps = {
  fetchModels: () => Promise<Schemas["ModelList"]>;
  served: readonly string[];
  /** Whether one is to be served; without it the list is only to be read. */
  onPick?: (id: string, picked: boolean) => void;
  atFields?: (path: string) => boolean;
  onError?: (error: unknown) => void;
};

/** What the upstream itself lists. */
export function FetchedModels({ fetchModels, served, onPick, atFields = () => false, onError }: FetchedModelsProps) {
  const { t } = useTranslation("providers");
  const [text, setText] = useState("");
  const found = useMutation({ mutationFn: fetchModels, onError: (error) => onError?.(error) });
  const wanted = text.trim().toLowerCase();
  const models = (found.data?.models ?? []).filter(({ id, name }) => wanted === "" || id.toLowerCase().includes(wanted) || (name ?? "").toLowerCase().includes(wanted));
  return (
    <div className={styles.stack}>
      <div className={styles.bar}>
        <Button icon={Download} small busy={found.isPending} onClick={() => found.mutate()}>
          {t("fetch.action")}
        </Button>
        {found.data !== undefined && (found.data.error === null || found.data.models.length > 0) && (
          <span className={styles.muted} role="status">
            {t("fetch.count", { count: found.data.models.length })}
            {!found.data.complete && ` ${t("fetch.incomplete")}`}
          </span>
        )}
      </div>
      {found.error !== null && <ChangeProblem error={found.error} title={t("fetch.failed")} atFields={atFields} />}
      {/* The gateway did answer: the upstream did not. */}
      {typeof found.data?.error === "string" && (
        <div role="alert">
          <Banner tone="bad" inline>
            <strong>{t("fetch.failed")}</strong>: {found.data.error}
          </Banner>
        </div>
      )}
      {found.data !== undefined && found.data.models.length > 0 && (
        <>
          <Field label={t("fetch.filter")} hideLabel>
            {(control) => <Input {...control} small type="search" placeholder={t("fetch.filter")} value={text} onChange={(event) => setText(event.target.value)} />}
          </Field>
          {/* It scrolls, so the keyboard must reach it. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <div className={styles.picker} role="region" aria-label={t("fetch.list")} tabIndex={0}>
            {models.length === 0 && <p className={styles.muted}>{t("fetch.noMatch", { text: text.trim() })}</p>}
            <ul className={styles.pickerList}>
              {models.map(({ id, name }) => (
                <li key={id}>
                  {onPick === undefined ? (
                    <code>{id}</code>
                  ) : (
                    <Checkbox
                      label={<code>{id}</code>}
                      {...(name !== null && name !== id && { note: name })}
                      checked={served.includes(id)}
                      onChange={(event) => onPick(id, event.target.checked)}
                    />
                  )}
                </li>
              ))}
            </ul>
          </div>
        </>
      )}
    </div>
  );
}
