import { useState } from "react";
import { useTranslation } from "react-i18next";

import { isRecord } from "../api/error";
import styles from "./JsonTree.module.css";

const LONG_TEXT = 300;
const MOST_ITEMS = 100;

/** A JSON value, folded below `open` levels; long texts and lists are cut and can be opened. */
export function JsonTree({ value, open = 2, label }: { value: unknown; open?: number; label?: string }) {
  const { t } = useTranslation();
  return (
    <div className={styles.tree} role="group" aria-label={label ?? t("json.label")}>
      <Node value={value} open={open} />
    </div>
  );
}

function Name({ name }: { name: string | undefined }) {
  return name === undefined ? null : (
    <>
      <span className={styles.key}>{name}</span>
      {": "}
    </>
  );
}

function Node({ name, value, open }: { name?: string | undefined; value: unknown; open: number }) {
  const { t } = useTranslation();
  const [unfolded, setUnfolded] = useState(open > 0);
  const [most, setMost] = useState(MOST_ITEMS);
  const list = Array.isArray(value);
  if (!list && !isRecord(value)) {
    return (
      <div className={styles.leaf}>
        <Name name={name} />
        <Scalar value={value} />
      </div>
    );
  }
  const entries: [string, unknown][] = list ? value.map((each, at) => [String(at), each as unknown]) : Object.entries(value);
  const size = list ? t("json.items", { count: entries.length }) : t("json.fields", { count: entries.length });
  return (
    <details className={styles.fold} open={unfolded} onToggle={(event) => setUnfolded(event.currentTarget.open)}>
      <summary>
        <Name name={name} />
        <span className={styles.note}>
          {list ? "[" : "{"} {size} {list ? "]" : "}"}
        </span>
      </summary>
      {unfolded && (
        <ul>
          {entries.slice(0, most).map(([key, each]) => (
            <li key={key}>
              <Node name={key} value={each} open={open - 1} />
            </li>
          ))}
          {entries.length > most && (
            <li>
              <button type="button" className={styles.more} onClick={() => setMost(most * 5)}>
                {t("json.moreItems", { count: entries.length - most })}
              </button>
            </li>
          )}
        </ul>
      )}
    </details>
  );
}

function Scalar({ value }: { value: unknown }) {
  const { t } = useTranslation();
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") {
    return <span className={styles[typeof value === "number" ? "number" : "word"]}>{String(value)}</span>;
  }
  const long = value.length > LONG_TEXT;
  return (
    <span className={styles.string}>
      {JSON.stringify(whole || !long ? value : value.slice(0, LONG_TEXT))}
      {long && (
        <button type="button" className={styles.more} onClick={() => setWhole(!whole)}>
          {whole ? t("json.less") : t("json.moreText", { count: value.length - LONG_TEXT })}
        </button>
      )}
    </span>
  );
}
