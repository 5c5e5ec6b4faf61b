import clsx from "clsx";
import { useTranslation } from "react-i18next";

import styles from "./config.module.css";
import { type Entry, written } from "./yamlPath";

type Row = { line: number; end: number; label: string; deep: boolean };

/** The keys of the file, and the entries of its lists by name. */
function rowsOf(entries: readonly Entry[]): Row[] {
  const shown = entries.filter((entry) => entry.path.length === 1 || (entry.path.length === 2 && typeof entry.path[1] === "number"));
  return shown.map((entry, at) => {
    const deep = entry.path.length === 2;
    const own = written(entry.path);
    const name = entries.find((each) => each.path.length === 3 && each.path[2] === "name" && written(each.path.slice(0, 2)) === own)?.value;
    return { line: entry.line, end: shown[at + 1]?.line ?? Infinity, label: deep ? (plain(name) ?? `[${entry.path[1]}]`) : String(entry.path[0]), deep };
  });
}

function plain(value: string | undefined): string | undefined {
  const text = value?.replace(/\s+#.*$/, "").replace(/^["'](.*)["']$/, "$1");
  return text === undefined || text === "" ? undefined : text;
}

export function Outline({ entries, line, onLine }: { entries: readonly Entry[]; line: number; onLine: (line: number) => void }) {
  const { t } = useTranslation("config");
  const rows = rowsOf(entries);
  return (
    <nav className={styles.outline} aria-label={t("outline.label")}>
      {rows.length === 0 && <p className={styles.muted}>{t("outline.empty")}</p>}
      <ul className={styles.outlineList}>
        {rows.map((row) => (
          <li key={`${row.line}/${row.label}`}>
            <button
              type="button"
              className={clsx(styles.outlineRow, row.deep && styles.deep)}
              aria-current={line >= row.line && line < row.end ? "location" : undefined}
              onClick={() => onLine(row.line)}
              title={row.label}
            >
              {row.label}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
