import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { useTranslation } from "react-i18next";

import { count, duration, money, percent, UNKNOWN } from "../../lib/format";
import { Bars } from "../../ui/Figures";
import { Switch } from "../../ui/Field";
import { Tooltip } from "../../ui/Tooltip";
import type { Figures } from "./data";
import styles from "./ProviderTable.module.css";
import type { Health, Provider } from "./standing";
import { StandingWord } from "./StandingWord";

export type ProviderRowProps = {
  provider: Provider;
  health: Health;
  figures: Figures | undefined;
  /** Whether requests are logged at all. */
  logged: boolean;
  selected: boolean;
  locked: string | undefined;
  onSwitch: (enabled: boolean) => void;
};

export function ProviderRow({ provider, health, figures, logged, selected, locked, onSwitch }: ProviderRowProps) {
  const { t } = useTranslation("providers");
  const totals = figures?.totals;
  const rate = totals?.error_rate;
  return (
    <tr className={clsx(styles.row, selected && styles.selected)}>
      <td className={styles.name}>
        <Link to="." search={(before: object) => ({ ...before, id: provider.id })} data-provider={provider.id} aria-current={selected || undefined}>
          {provider.name}
        </Link>
      </td>
      <td>
        <StandingWord disabled={provider.disabled} health={health} />
      </td>
      <td className={clsx(styles.wide, styles.cut)} title={provider.base_url}>
        {provider.base_url === "" ? UNKNOWN : provider.base_url}
      </td>
      <td className={clsx(styles.wide, styles.cut)}>
        {provider.key_source === "none" ? <span className={styles.muted}>{t("key.none")}</span> : <code>{provider.api_key_masked}</code>}
        {provider.key_source !== "none" && <span className={styles.muted}> {t(`key.${provider.key_source as "env"}`)}</span>}
      </td>
      <td className={styles.end}>{provider.models_count === 0 ? t("models.all") : count(provider.models_count)}</td>
      <td className={styles.end}>{count(health.inFlight)}</td>
      <td className={styles.end}>{percent(rate === null || rate === undefined ? null : 1 - rate)}</td>
      <td className={styles.end}>{duration(totals?.p95_first_content_ms)}</td>
      <td className={styles.end}>{totals === undefined ? UNKNOWN : money(Number(totals.total_cost))}</td>
      <td className={styles.spark}>
        {figures !== undefined ? (
          <Bars
            height={20}
            label={t("spark", { requests: figures.totals.total_entries, failed: figures.totals.error_count })}
            bars={figures.series.map((point) => [
              { value: point.requests - point.failed, color: "ok" },
              { value: point.failed, color: "bad" },
            ])}
          />
        ) : (
          <span className={styles.muted}>{logged ? t("noRequests") : UNKNOWN}</span>
        )}
      </td>
      <td className={styles.switch}>
        {locked === undefined ? (
          <Switch label={t("enabledOf", { name: provider.name })} hideLabel checked={!provider.disabled} onChange={onSwitch} />
        ) : (
          <Tooltip text={locked}>
            <button type="button" className={styles.locked} aria-label={`${t("fixed")}: ${provider.name}. ${locked}`}>
              {t("fixed")}
            </button>
          </Tooltip>
        )}
      </td>
    </tr>
  );
}
