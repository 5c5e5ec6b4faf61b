/** What a change of the configuration would come to, and why one was not made. */
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Trans, useTranslation } from "react-i18next";

import { api, call } from "../api/client";
import { ApiError } from "../api/error";
import { Banner } from "./Banner";
import { Button } from "./Button";
import styles from "./Change.module.css";
import { Diff } from "./Diff";
import { ErrorCard } from "./ErrorCard";

export type ChangePreview = { diff: string; effects: readonly string[]; restart: readonly string[] };

/** Before it is made: the lines of the file, and what they do. */
export function ChangeReview({ preview }: { preview: ChangePreview }) {
  const { t } = useTranslation();
  if (preview.diff === "") return <Banner tone="info" inline>{t("change.nothing")}</Banner>;
  return (
    <div className={styles.stack}>
      {preview.effects.length > 0 && (
        <div>
          <h3 className={styles.title}>{t("change.effects")}</h3>
          <ul>
            {preview.effects.map((effect) => (
              <li key={effect}>{effect}</li>
            ))}
          </ul>
        </div>
      )}
      {preview.restart.length > 0 && (
        <Banner tone="warn" inline>
          {t("change.restart", { keys: preview.restart.join(", ") })}
        </Banner>
      )}
      <div>
        <h3 className={styles.title}>{t("change.diff")}</h3>
        <Diff text={preview.diff} />
      </div>
    </div>
  );
}

/** There is no file to change: what to do about it. */
export function NoConfigFile() {
  const { t } = useTranslation();
  return (
    <Banner tone="info" inline>
      <Trans i18nKey="change.noFile" t={t} components={{ init: <code />, run: <code /> }} />
    </Banner>
  );
}

/**
 * The file was changed on disk, and what it says now is not in force yet: it cannot be
 * compared with. `onReady` comes when it is in force.
 */
export function FileAhead({ onReady }: { onReady: () => void }) {
  const { t } = useTranslation();
  const reload = useMutation({ mutationFn: () => call(api.POST("/api/dashboard/config/reload")), onSuccess: onReady });
  return (
    <div className={styles.stack} role="alert">
      <Banner tone="warn" inline>
        {t("change.ahead")}
      </Banner>
      {reload.error !== null && <ChangeProblem error={reload.error} title={t("change.notTaken")} />}
      <div>
        <Button kind="primary" busy={reload.isPending} onClick={() => reload.mutate()}>
          {t("change.takeFile")}
        </Button>
      </div>
    </div>
  );
}

/**
 * Why a change was not made, and the next step. `atFields` says which pointers have a
 * place of their own in the form; what is wrong elsewhere is listed here. `title` is
 * for what is no change, as a test of settings.
 */
export function ChangeProblem({ error, atFields = () => false, title }: { error: unknown; atFields?: (path: string) => boolean; title?: string }) {
  const { t } = useTranslation();
  if (!(error instanceof ApiError)) return <ErrorCard error={error} title={title ?? t("change.failed")} />;
  const elsewhere = error.fields.filter((field) => !atFields(field.path));
  switch (error.error) {
    case "no_config_file":
      return (
        <div role="alert">
          <NoConfigFile />
        </div>
      );
    case "read_only":
      return (
        <div role="alert" className={styles.stack}>
          <Banner tone="warn" inline>
            {t("change.readOnly")}
          </Banner>
          {typeof error.body.diff === "string" && error.body.diff !== "" && <Diff text={error.body.diff} label={t("change.patch")} />}
        </div>
      );
    case "edit_refused":
      return (
        <div role="alert">
          <Banner tone="warn" inline action={<Link to="/config">{t("change.toConfig")}</Link>}>
            {error.message}
          </Banner>
        </div>
      );
    case "duplicate":
    case "config_conflict":
      return (
        <div role="alert">
          <Banner tone="bad" inline>
            {error.message}
          </Banner>
        </div>
      );
    case "reload_failed":
    case "validation_failed":
      return (
        <div role="alert" className={styles.stack}>
          <Banner tone="bad" inline>
            {elsewhere.length === 0 ? t("change.atFields", { count: error.fields.length }) : t("change.refused")}
          </Banner>
          {elsewhere.length > 0 && (
            <ul>
              {elsewhere.map((field) => (
                <li key={`${field.path} ${field.message}`}>
                  <code>{field.path}</code> {field.message}
                </li>
              ))}
            </ul>
          )}
        </div>
      );
    default:
      return <ErrorCard error={error} title={title ?? t("change.failed")} />;
  }
}
