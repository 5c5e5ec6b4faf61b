import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import styles from "./routing.module.css";

/** To the line of the configuration that something comes from. */
export function ConfigLink({ at, line = null }: { at: string; line?: number | null }) {
  const { t } = useTranslation("routing");
  return (
    <Link to="/config" search={{ at, ...(line !== null && { line: String(line) }) } as never} className={styles.link} title={at}>
      {line === null ? t("config.show") : t("config.line", { line })}
      <span className="sr-only"> {t("config.of", { place: at })}</span>
    </Link>
  );
}
