import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { useShortcut } from "../../lib/useShortcut";
import type { Figures } from "./data";
import { ProviderRow } from "./ProviderRow";
import styles from "./ProviderTable.module.css";
import type { Health, Provider } from "./standing";
import { healthOf } from "./standing";

const TYPES = ["claude", "openai", "gemini", "openai-compat", "echo"] as const;

export type ProviderTableProps = {
  providers: readonly Provider[];
  live: ReadonlyMap<string, Health>;
  /** Of the last hour; null: no request log is kept; undefined: on the way. */
  hour: readonly Figures[] | null | undefined;
  selected: string | undefined;
  /** Why none can be switched on or off; undefined: they can. */
  locked: string | undefined;
  onSwitch: (provider: Provider, enabled: boolean) => void;
};

/** All of them by kind. `j` and `k` go from one to the next, `Enter` opens. */
export function ProviderTable({ providers, live, hour, selected, locked, onSwitch }: ProviderTableProps) {
  const { t } = useTranslation("providers");
  const table = useRef<HTMLTableElement>(null);
  const go = (step: 1 | -1) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>("[data-provider]") ?? [])];
    const at = links.findIndex((link) => link === document.activeElement);
    links[Math.max(0, Math.min(at < 0 ? 0 : at + step, links.length - 1))]?.focus();
  };
  useShortcut("j", () => go(1));
  useShortcut("k", () => go(-1));
  const others = [...new Set(providers.map((each) => each.provider_type))].filter((type) => !TYPES.some((known) => known === type));
  return (
    <div className={styles.scroller}>
      <table ref={table} className={styles.table} aria-label={t("list")}>
        <thead>
          <tr>
            <th scope="col">{t("column.name")}</th>
            <th scope="col">{t("column.state")}</th>
            <th scope="col" className={styles.wide}>{t("column.upstream")}</th>
            <th scope="col" className={styles.wide}>{t("column.key")}</th>
            <th scope="col" className={styles.end}>{t("column.models")}</th>
            <th scope="col" className={styles.end}>{t("column.inFlight")}</th>
            <th scope="col" className={styles.end}>{t("column.success")}</th>
            <th scope="col" className={styles.end}>{t("column.ttft")}</th>
            <th scope="col" className={styles.end}>{t("column.spend")}</th>
            <th scope="col">{t("column.requests")}</th>
            <th scope="col">{t("column.enabled")}</th>
          </tr>
        </thead>
        {[...TYPES, ...others].map((type) => {
          const group = providers.filter((each) => each.provider_type === type);
          if (group.length === 0) return null;
          return (
            <tbody key={type}>
              <tr className={styles.group}>
                <th scope="rowgroup" colSpan={11}>
                  {TYPES.some((known) => known === type) ? t(`type.${type as (typeof TYPES)[number]}`) : type} <span className={styles.count}>{group.length}</span>
                </th>
              </tr>
              {group.map((each) => (
                <ProviderRow
                  key={each.id}
                  provider={each}
                  health={healthOf(each, live)}
                  figures={hour?.find((one) => one.name === each.name)}
                  logged={hour !== null}
                  selected={selected === each.id}
                  locked={each.origin === "file" ? locked : t(`origin.${each.origin === "builtin" ? "builtin" : "environment"}`)}
                  onSwitch={(enabled) => onSwitch(each, enabled)}
                />
              ))}
            </tbody>
          );
        })}
      </table>
    </div>
  );
}
