import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { isRecord } from "../../api/error";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorCard } from "../../ui/ErrorCard";
import { Button } from "../../ui/Button";
import { Checkbox, Field, Input, Select, TextArea } from "../../ui/Field";
import { Skeleton } from "../../ui/Skeleton";
import { useExplain, useKeys, useModels, type Question } from "./data";
import type { Change } from "./draft";
import { RouteTree } from "./RouteTree";
import styles from "./routing.module.css";
import { FORMATS, type FormatName } from "./search";
import { useSetSearch } from "./useSetSearch";

/** Where a request would go now, and why nowhere else; beside it, where the edited rules would lead. */
export function Explain({ change }: { change: Change | null }) {
  const { t } = useTranslation("routing");
  const [headers, setHeaders] = useState("");
  const [body, setBody] = useState("");
  const search = useSearch({ strict: false });
  const { model = "", key } = search;
  const { stream, compare } = search as { stream?: string; compare?: string };
  const format = (search as { format?: FormatName }).format ?? "chat";
  const set = useSetSearch();
  const keys = useKeys();
  const models = useModels();
  const readBody = bodyOf(body);
  const comparing = compare === "1" && change !== null;
  const question: Question = { model, format, key: key ?? null, stream: stream === "1", headers: headersOf(headers), body: readBody ?? null };
  const answer = useExplain(question, comparing ? change : null);

  return (
    <Card title={t("explain.title")} note={t("explain.note")}>
      <div className={styles.question}>
        <Field label={t("explain.model")}>
          {(control) => <Input {...control} code spellCheck={false} autoComplete="off" list="routing-models" value={model} onChange={(event) => set({ model: event.target.value })} />}
        </Field>
        <datalist id="routing-models">
          {models.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Field label={t("explain.format")}>
          {(control) => <Select {...control} value={format} onChange={(event) => set({ format: event.target.value === "chat" ? undefined : event.target.value })} options={FORMATS.map((each) => ({ value: each, label: t(`explain.formats.${each}`) }))} />}
        </Field>
        <Field label={t("explain.key")}>
          {(control) => <Select {...control} value={key ?? ""} onChange={(event) => set({ key: event.target.value })} options={[{ value: "", label: t("explain.anyKey") }, ...keys.map((each) => ({ value: each.id, label: each.name }))]} />}
        </Field>
        <div className={styles.checks}>
          <Checkbox label={t("explain.stream")} checked={stream === "1"} onChange={(event) => set({ stream: event.target.checked ? "1" : undefined })} />
          <Checkbox label={t("explain.compare")} note={change === null ? t("explain.compareNone") : undefined} disabled={change === null} checked={comparing} onChange={(event) => set({ compare: event.target.checked ? "1" : undefined })} />
        </div>
      </div>
      <details className={styles.more}>
        <summary>{t("explain.more")}</summary>
        <div className={styles.stack}>
          <Field label={t("explain.headers")} note={t("explain.headersNote")}>
            {(control) => <TextArea {...control} code rows={3} spellCheck={false} value={headers} onChange={(event) => setHeaders(event.target.value)} />}
          </Field>
          <Field label={t("explain.body")} note={t("explain.bodyNote")} error={readBody === undefined ? t("explain.bodyWrong") : undefined}>
            {(control) => <TextArea {...control} code rows={6} spellCheck={false} value={body} onChange={(event) => setBody(event.target.value)} />}
          </Field>
        </div>
      </details>
      <div className={styles.answer}>
        {model.trim() === "" ? (
          <EmptyState
            title={t("explain.emptyTitle")}
            actions={
              <div className={styles.offers}>
                {models.slice(0, 4).map((name) => (
                  <Button key={name} small onClick={() => set({ model: name })}>
                    {name}
                  </Button>
                ))}
              </div>
            }
          >
            {t("explain.empty")}
          </EmptyState>
        ) : answer.data === undefined && answer.error === null ? (
          <div className={styles.stack} role="status" aria-label={t("explain.busy")}>
            <Skeleton height={18} width="50%" />
            <Skeleton height={92} />
          </div>
        ) : (
          <>
            {answer.error !== null && <ErrorCard title={t("explain.failed")} error={answer.error} onRetry={() => void answer.refetch()} {...(answer.data !== undefined && { staleSince: answer.dataUpdatedAt })} />}
            {answer.data !== undefined && answer.error === null && (
              <div className={comparing && answer.data.edited !== null ? styles.compared : undefined}>
                <RouteTree model={answer.data.model_chain[0] ?? model} route={answer.data} title={comparing ? t("explain.inForce") : undefined} asked={readBody !== null} />
                {comparing && answer.data.edited !== null && <RouteTree model={answer.data.edited.model_chain[0] ?? model} route={answer.data.edited} before={answer.data} title={t("explain.edited")} asked={readBody !== null} />}
              </div>
            )}
          </>
        )}
      </div>
    </Card>
  );
}

/** `name: value` line by line. */
function headersOf(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const at = line.indexOf(":");
    const name = line.slice(0, Math.max(0, at)).trim();
    return at <= 0 || name === "" ? [] : [[name, line.slice(at + 1).trim()]];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** `null`: there is none; `undefined`: it is not what a body is. */
function bodyOf(text: string): Record<string, unknown> | null | undefined {
  if (text.trim() === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
