import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { fieldError } from "../../api/error";
import { duration, UNKNOWN } from "../../lib/format";
import { Button } from "../../ui/Button";
import { ChangeProblem } from "../../ui/Change";
import { CodeBlock } from "../../ui/CodeBlock";
import { Checkbox, Field, Input } from "../../ui/Field";
import { Status } from "../../ui/Status";
import type { Trial } from "./data";
import styles from "./panel.module.css";

export type TrialPanelProps = {
  /** Sends it; throws an `ApiError`. */
  send: (model: string | null, stream: boolean) => Promise<Trial>;
  /** Names to choose from. */
  models: readonly string[];
  /** Pointers of the settings that have a place of their own around this. */
  atFields?: (path: string) => boolean;
  onError?: (error: unknown) => void;
};

/** A short request through the real path, and what came of it, in the upstream's own words. */
export function TrialPanel({ send, models, atFields = () => false, onError }: TrialPanelProps) {
  const { t } = useTranslation("providers");
  const [model, setModel] = useState("");
  const [stream, setStream] = useState(true);
  const list = useId();
  const result = useRef<HTMLDivElement>(null);
  const trial = useMutation({ mutationFn: () => send(model.trim() === "" ? null : model.trim(), stream), onError: (error) => onError?.(error) });
  useEffect(() => {
    if (trial.data !== undefined) result.current?.scrollIntoView({ block: "nearest" });
  }, [trial.data]);
  return (
    <div className={styles.stack}>
      <div className={styles.trialForm}>
        <Field label={t("trial.model")} note={models.length > 0 ? t("trial.modelNote", { model: models[0] }) : t("trial.modelNeeded")} error={fieldError(trial.error, "/model")}>
          {(control) => (
            <Input
              {...control}
              code
              list={list}
              value={model}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setModel(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault();
                trial.mutate();
              }}
            />
          )}
        </Field>
        <datalist id={list}>
          {models.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <div className={styles.trialSend}>
          <Checkbox label={t("trial.stream")} checked={stream} onChange={(event) => setStream(event.target.checked)} />
          <Button icon={Play} busy={trial.isPending} onClick={() => trial.mutate()}>
            {trial.isPending ? t("trial.running") : t("trial.send")}
          </Button>
        </div>
      </div>
      <div ref={result} role="status" aria-label={t("trial.result")}>
        {trial.data !== undefined && <TrialResult trial={trial.data} />}
      </div>
      {trial.error !== null && fieldError(trial.error, "/model") === undefined && <ChangeProblem error={trial.error} title={t("trial.notSent")} atFields={atFields} />}
    </div>
  );
}

function TrialResult({ trial }: { trial: Trial }) {
  const { t } = useTranslation("providers");
  return (
    <div className={styles.stack}>
      <dl className={styles.facts}>
        <dt>{t("trial.outcome")}</dt>
        <dd>
          <Status tone={trial.ok ? "ok" : "bad"}>{trial.ok ? t("trial.ok") : t("trial.failed")}</Status>
        </dd>
        <dt>{t("trial.status")}</dt>
        <dd>{trial.status ?? t("trial.noStatus")}</dd>
        <dt>{t("trial.latency")}</dt>
        <dd>{duration(trial.latency_ms)}</dd>
        <dt>{t("trial.first")}</dt>
        <dd>{duration(trial.first_content_ms)}</dd>
        <dt>{t("trial.tls")}</dt>
        <dd>{trial.tls ? t("trial.encrypted") : t("trial.plain")}</dd>
        <dt>{t("trial.asked")}</dt>
        <dd>
          <code>{trial.model}</code> ({trial.format})
        </dd>
        {trial.ok && (
          <>
            <dt>{t("trial.text")}</dt>
            <dd>{trial.text === "" ? UNKNOWN : trial.text}</dd>
          </>
        )}
      </dl>
      {trial.error !== null && (
        <div className={styles.stack}>
          <p>
            <strong>{trial.error.kind}</strong> {trial.error.hint}
          </p>
          <CodeBlock wrap label={t("trial.verbatim")}>
            {trial.error.message}
          </CodeBlock>
        </div>
      )}
    </div>
  );
}
