import { useTranslation } from "react-i18next";

import styles from "./config.module.css";
import { defaultText, type SchemaBook, typeText } from "./schema";
import { type Entry, entryAt, written } from "./yamlPath";

/** What the key at the cursor means: the same as under the pointer, for the keyboard. */
export function Hint({ entries, line, book }: { entries: readonly Entry[]; line: number; book: SchemaBook | null }) {
  const { t } = useTranslation("config");
  const entry = entryAt(entries, line);
  const facts = entry?.line === line ? (book?.at(entry.path) ?? null) : null;
  if (entry === undefined || facts === null) return <p className={styles.hint}>{t("hint.none")}</p>;
  const usual = defaultText(facts.fallback);
  return (
    <p className={styles.hint}>
      <code>{written(entry.path)}</code>
      <span className={styles.muted}>{typeText(facts, t("to"))}</span>
      {usual !== undefined && <span className={styles.muted}>{t("editor.default", { value: usual })}</span>}
      <span>{facts.description}</span>
    </p>
  );
}
