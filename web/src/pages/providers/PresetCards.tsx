import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { Badge } from "../../ui/Status";
import type { Preset } from "./form";
import styles from "./PresetCards.module.css";

/** Where to begin: one card a vendor; those whose key the server has stand first. */
export function PresetCards({ presets, environment }: { presets: readonly Preset[]; environment: readonly string[] }) {
  const { t } = useTranslation("providers");
  const found = (preset: Preset) => preset.variables.find((name) => environment.includes(name));
  const ordered = [...presets].sort((a, b) => Number(found(b) !== undefined) - Number(found(a) !== undefined));
  return (
    <ul className={styles.cards}>
      {ordered.map((preset) => (
        <li key={preset.id} className={styles.card}>
          <Link to="." search={(before: object) => ({ ...before, add: preset.id })} className={styles.link}>
            {preset.name}
          </Link>
          <span className={styles.where}>{preset.base_url === null ? t("preset.anyAddress") : preset.base_url.replace(/^https?:\/\//, "")}</span>
          {found(preset) !== undefined && <Badge tone="ok">{t("preset.found", { name: found(preset) })}</Badge>}
        </li>
      ))}
    </ul>
  );
}
