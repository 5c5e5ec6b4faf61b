import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { type ReactNode, useRef } from "react";
import { useTranslation } from "react-i18next";

import { ago, count, day, fullTime, money, tokens, UNKNOWN } from "../../lib/format";
import { useShortcut } from "../../lib/useShortcut";
import { Status } from "../../ui/Status";
import type { AuthKey } from "./form";
import styles from "./keys.module.css";
import { UsageBar } from "./UsageBar";

/** All keys with what they may do and have done. `j`, `k` and `Enter` as in every list. */
export function KeyTable({ keys, selected }: { keys: readonly AuthKey[]; selected: string | undefined }) {
  const { t } = useTranslation("keys");
  const table = useRef<HTMLTableElement>(null);
  const go = (step: 1 | -1) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>("[data-auth-key]") ?? [])];
    const at = links.findIndex((link) => link === document.activeElement);
    links[Math.max(0, Math.min(at < 0 ? 0 : at + step, links.length - 1))]?.focus();
  };
  useShortcut("j", () => go(1));
  useShortcut("k", () => go(-1));
  return (
    <div className={styles.scroller}>
      <table ref={table} className={styles.table} aria-label={t("list")}>
        <thead>
          <tr>
            <th scope="col">{t("column.name")}</th>
            <th scope="col">{t("column.key")}</th>
            <th scope="col" className={styles.wide}>{t("column.created")}</th>
            <th scope="col" className={styles.middle}>{t("column.lastUsed")}</th>
            <th scope="col" className={styles.middle}>{t("column.expires")}</th>
            <th scope="col" className={styles.wide}>{t("column.models")}</th>
            <th scope="col" className={styles.middle}>{t("column.limits")}</th>
            <th scope="col" className={clsx(styles.end, styles.lastNarrow)}>{t("column.requests")}</th>
            <th scope="col" className={clsx(styles.end, styles.wide)}>{t("column.tokens")}</th>
            <th scope="col" className={clsx(styles.end, styles.middle)}>{t("column.spend")}</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id} className={clsx(styles.row, selected === key.id && styles.selected)}>
              <td className={styles.name}>
                <Link to="." search={(before: object) => ({ ...before, id: key.id })} data-auth-key={key.id} aria-current={selected === key.id || undefined}>
                  {key.name}
                </Link>
              </td>
              <td>
                <code>{key.key_masked}</code>
              </td>
              <td className={styles.wide}>{key.created === null ? UNKNOWN : day(key.created)}</td>
              <td className={styles.middle}>
                <When at={key.last_used} none={key.usage_today === null ? UNKNOWN : t("neverSeen")} />
              </td>
              <td className={styles.middle}>{key.expired ? <Status tone="bad">{t("expired")}</Status> : <When at={key.expires_at} none={t("never")} />}</td>
              <td className={clsx(styles.wide, styles.cut)} title={key.allowed_models.join(", ")}>
                {key.allowed_models.length === 0 ? t("all") : key.allowed_models.join(", ")}
              </td>
              <td className={styles.middle}>
                <Limits authKey={key} />
              </td>
              <td className={clsx(styles.end, styles.lastNarrow)}>{count(key.usage_today?.requests)}</td>
              <td className={clsx(styles.end, styles.wide)}>{tokens(key.usage_today === null ? null : key.usage_today.input_tokens + key.usage_today.output_tokens)}</td>
              <td className={clsx(styles.end, styles.middle)}>{money(key.usage_today?.cost)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function When({ at, none }: { at: number | null; none: string }): ReactNode {
  if (at === null) return none;
  return (
    <time dateTime={new Date(at).toISOString()} title={fullTime(at)}>
      {ago(at)}
    </time>
  );
}

/** Each limit with how much of it is used up just now. */
export function Limits({ authKey, roomy = false }: { authKey: AuthKey; roomy?: boolean }) {
  const { t } = useTranslation("keys");
  const now = authKey.used_now;
  const limits = ([
    ["requests", authKey.requests_per_minute, now?.requests],
    ["tokens", authKey.tokens_per_minute, now?.tokens],
    ["concurrent", authKey.max_concurrent, now?.concurrent],
  ] as const).flatMap(([name, allowed, used]) => (allowed === null ? [] : [{ name, allowed, used: used ?? null }]));
  if (limits.length === 0) return <span>{t("noLimit")}</span>;
  return (
    <div className={clsx(styles.limits, roomy && styles.roomy)}>
      {limits.map(({ name, allowed, used }) => (
        <UsageBar key={name} label={t(`limit.${name}`)} unit={t(`unit.${name}`)} used={used} allowed={allowed} />
      ))}
    </div>
  );
}
