import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { type Tone, TONE_ICON } from "../../ui/Status";
import status from "../../ui/Status.module.css";
import styles from "./config.module.css";

type Place = Schemas["Place"];

/** All that the gateway has to say about the text, each with its line. */
export function Problems({ errors, warnings, onLine }: { errors: readonly Place[]; warnings: readonly Place[]; onLine: (line: number) => void }) {
  const { t } = useTranslation("config");
  if (errors.length + warnings.length === 0) return null;
  return (
    <ul className={styles.problems} aria-label={t("problems")}>
      {errors.map((place, at) => (
        <Problem key={`e${at}`} place={place} tone="bad" onLine={onLine} />
      ))}
      {warnings.map((place, at) => (
        <Problem key={`w${at}`} place={place} tone="warn" onLine={onLine} />
      ))}
    </ul>
  );
}

function Problem({ place, tone, onLine }: { place: Place; tone: Tone; onLine: (line: number) => void }) {
  const { t } = useTranslation("config");
  const Icon = TONE_ICON[tone];
  const { line, path, message } = place;
  return (
    <li className={styles.problem}>
      <Icon size={14} className={status[tone]} aria-label={t(tone === "bad" ? "error" : "warning")} />
      {typeof line === "number" && (
        <button type="button" className={styles.line} onClick={() => onLine(line)}>
          {t("line", { line })}
        </button>
      )}
      <span>
        {path !== "" && <code>{path}</code>} {message}
      </span>
    </li>
  );
}
