import { useTranslation } from "react-i18next";

import { fullTime } from "../../lib/format";
import { CopyButton } from "../../ui/CopyButton";
import { Drawer } from "../../ui/Dialog";
import { JsonTree } from "../../ui/JsonTree";
import type { AuditRecord } from "./data";
import { Facts } from "./Facts";
import styles from "./system.module.css";

export type AuditDrawerProps = { records: readonly AuditRecord[]; open: string; onOpen: (seq: string) => void; onClose: () => void; returnTo: () => HTMLElement | null };

/** One record in full, with what was before and after. */
export function AuditDrawer({ records, open, onOpen, onClose, returnTo }: AuditDrawerProps) {
  const { t } = useTranslation("system");
  const at = records.findIndex((each) => String(each.seq) === open);
  const record = records[at];
  const step = (by: number) => {
    const next = at < 0 ? undefined : records[at + by];
    return next === undefined ? undefined : () => onOpen(String(next.seq));
  };
  return (
    <Drawer
      name="audit"
      title={record === undefined ? t("audit.title") : t("audit.record", { seq: record.seq, action: record.action })}
      onClose={onClose}
      onNext={step(1)}
      onPrevious={step(-1)}
      returnTo={returnTo}
    >
      {record === undefined ? <p>{t("audit.gone", { seq: open })}</p> : <Record record={record} />}
    </Drawer>
  );
}

function Record({ record }: { record: AuditRecord }) {
  const { t } = useTranslation("system");
  const { before, after } = record;
  return (
    <div className={styles.record}>
      <Facts
        facts={[
          { label: t("audit.time"), value: fullTime(record.timestamp) },
          { label: t("audit.who"), value: record.who === "" ? t("audit.nobody") : record.who },
          { label: t("audit.address"), value: record.address },
          ...(record.target === "" ? [] : [{ label: t("audit.target"), value: record.target }]),
          ...(record.version_before === null || record.version_after === null
            ? []
            : [{ label: t("audit.versions"), value: <code>{t("audit.versionChange", { before: record.version_before.slice(0, 12), after: record.version_after.slice(0, 12) })}</code> }]),
          ...(record.request_id === ""
            ? []
            : [
                {
                  label: t("audit.request"),
                  value: (
                    <span className={styles.inline}>
                      <code>{record.request_id}</code>
                      <CopyButton iconOnly small label={t("copy", { ns: "ui" })} text={record.request_id} />
                    </span>
                  ),
                },
              ]),
        ]}
      />
      {record.effects.length > 0 && (
        <section>
          <h3>{t("audit.effects")}</h3>
          <ul>
            {record.effects.map((effect) => (
              <li key={effect}>{effect}</li>
            ))}
          </ul>
        </section>
      )}
      {before === null && after === null ? (
        <p className={styles.text}>{t("audit.noneBefore")}</p>
      ) : (
        <div className={styles.sides}>
          <section>
            <h3>{t("audit.before")}</h3>
            <JsonTree value={before} label={t("audit.before")} />
          </section>
          <section>
            <h3>{t("audit.after")}</h3>
            <JsonTree value={after} label={t("audit.after")} />
          </section>
        </div>
      )}
    </div>
  );
}
