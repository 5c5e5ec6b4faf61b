import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { duration, UNKNOWN } from "../../lib/format";
import { Badge } from "../../ui/Status";
import type { Detail } from "./form";
import styles from "./panel.module.css";

/** The settings, as they are in force. */
export function Facts({ detail }: { detail: Detail }) {
  const { t } = useTranslation("providers");
  const timeouts = (["connect", "first_byte", "idle"] as const).flatMap((name) => {
    const seconds = detail.timeouts[name];
    return seconds === null ? [] : [t(`facts.timeout.${name}`, { span: duration(seconds * 1000) })];
  });
  const proxy = detail.proxy_url === null ? t("facts.general") : detail.proxy_url === "" ? t("facts.direct") : detail.proxy_url;
  const caps = Object.entries(detail.caps).filter(([, value]) => value !== null);
  return (
    <dl className={styles.facts}>
      <dt>{t("facts.format")}</dt>
      <dd>{detail.format}</dd>
      <dt>{t("facts.baseUrl")}</dt>
      <dd>{detail.base_url === "" ? UNKNOWN : <code>{detail.base_url}</code>}</dd>
      <dt>{t("facts.key")}</dt>
      <dd>{detail.key_source === "none" ? t("key.none") : <><code>{detail.api_key_masked}</code> {t(`key.${detail.key_source as "env"}`)}</>}</dd>
      <dt>{t("facts.authStyle")}</dt>
      <dd>
        <code>{detail.auth_style}</code>
      </dd>
      <dt>{t("facts.prefix")}</dt>
      <dd>{detail.prefix === "" ? t("facts.none") : <code>{detail.prefix}</code>}</dd>
      <dt>{t("facts.weight")}</dt>
      <dd>{detail.weight}</dd>
      <dt>{t("facts.priority")}</dt>
      <dd>{detail.priority}</dd>
      <dt>{t("facts.proxy")}</dt>
      <dd>{proxy}</dd>
      <dt>{t("facts.timeouts")}</dt>
      <dd>{timeouts.length === 0 ? t("facts.generalOnes") : timeouts.join(", ")}</dd>
      <dt>{t("facts.insecure")}</dt>
      <dd>{detail.allow_insecure ? t("facts.allowed") : t("facts.notAllowed")}</dd>
      {caps.length > 0 && (
        <>
          <dt>{t("facts.caps")}</dt>
          <dd>
            <code>{caps.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ")}</code>
          </dd>
        </>
      )}
      {detail.cloak.mode !== "never" && (
        <>
          <dt>{t("facts.cloak")}</dt>
          <dd>{detail.cloak.mode}</dd>
        </>
      )}
      {detail.line !== null && (
        <>
          <dt>{t("facts.source")}</dt>
          <dd>
            <Link to="/config" search={{ at: detail.source, line: String(detail.line) }}>{t("facts.sourceText", { source: detail.source, line: detail.line })}</Link>
          </dd>
        </>
      )}
    </dl>
  );
}

/** Names and hidden values; what begins with `$` stands for a header of the client. */
export function Headers({ headers }: { headers: Detail["headers"] }) {
  const { t } = useTranslation("providers");
  const entries = Object.entries(headers);
  if (entries.length === 0) return <p className={styles.muted}>{t("headers.none")}</p>;
  return (
    <dl className={styles.facts}>
      {entries.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>
            <code>{name}</code>
          </dt>
          <dd>
            <code>{value}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Served({ detail }: { detail: Detail }) {
  const { t } = useTranslation("providers");
  return (
    <dl className={styles.facts}>
      <dt>{t("models.served")}</dt>
      <dd>
        {detail.models.length === 0 ? (
          t("models.everyOne")
        ) : (
          <ul className={styles.chips}>
            {detail.models.map((model) => (
              <li key={`${model.id} ${model.alias ?? ""}`}>
                <code>{model.alias === null ? model.id : `${model.alias} → ${model.id}`}</code>
              </li>
            ))}
          </ul>
        )}
      </dd>
      <dt>{t("models.excluded")}</dt>
      <dd>
        {detail.excluded_models.length === 0 ? (
          t("models.none")
        ) : (
          <ul className={styles.chips}>
            {detail.excluded_models.map((pattern) => (
              <li key={pattern}>
                <Badge>{pattern}</Badge>
              </li>
            ))}
          </ul>
        )}
      </dd>
    </dl>
  );
}
