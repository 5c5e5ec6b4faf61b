import { useState } from "react";
import { useTranslation } from "react-i18next";

import { bytes } from "../../lib/format";
import { CodeBlock } from "../CodeBlock";
import { JsonTree } from "../JsonTree";
import { Switch } from "../Field";
import type { Captured } from "./data";
import { imagesIn } from "./images";
import styles from "./request.module.css";

/** A body as a tree or as it went over the wire, with its headers. */
export function BodyView({ captured, label }: { captured: Captured; label: string }) {
  const { t } = useTranslation("request");
  const value = jsonOf(captured.body);
  const [raw, setRaw] = useState(false);
  const images = imagesIn(value);
  return (
    <div className={styles.bodyView}>
      <details className={styles.headers}>
        <summary>{t("bodies.headersCount", { count: captured.headers.length })}</summary>
        <dl>
          {captured.headers.map((header, at) => (
            <div key={`${at} ${header.name}`} className={styles.header}>
              <dt>{header.name}</dt>
              <dd>{header.value}</dd>
            </div>
          ))}
        </dl>
      </details>
      <div className={styles.bodyHead}>
        <span className={styles.muted}>{captured.kept < captured.size ? t("bodies.cut", { kept: bytes(captured.kept), size: bytes(captured.size) }) : t("bodies.size", { size: bytes(captured.size) })}</span>
        {value !== undefined && <Switch label={t("bodies.raw")} checked={raw} onChange={setRaw} />}
      </div>
      {images.length > 0 && (
        <ul className={styles.images}>
          {images.map((image, at) => (
            <li key={at}>
              <img src={image.source} alt={t("bodies.image", { type: image.type, size: bytes(image.size) })} />
              <span className={styles.muted}>{t("bodies.image", { type: image.type, size: bytes(image.size) })}</span>
            </li>
          ))}
        </ul>
      )}
      {captured.body === "" ? (
        <p className={styles.muted}>{t("bodies.empty")}</p>
      ) : value !== undefined && !raw ? (
        <JsonTree value={value} open={3} label={label} />
      ) : (
        <CodeBlock wrap label={label}>
          {captured.body}
        </CodeBlock>
      )}
    </div>
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
