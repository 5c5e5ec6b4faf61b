import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Card } from "../../ui/Card";
import { Status } from "../../ui/Status";
import { ConfigLink } from "./ConfigLink";
import { type Draft, newId, PAYLOAD_KINDS, type PayloadKind, type PayloadRow, useDraft } from "./draft";
import { messagesAt, Wrong } from "./NameRules";
import { PayloadForm } from "./PayloadForm";
import { RuleList } from "./RuleList";
import styles from "./routing.module.css";

type Open = { kind: PayloadKind; row: PayloadRow; isNew: boolean };

/** What is changed in requests on their way out, kind by kind in the order in which that happens. */
export function PayloadRules({ draft, error }: { draft: Draft; error: unknown }) {
  const { t } = useTranslation("routing");
  const edit = useDraft((state) => state.edit);
  const [open, setOpen] = useState<Open | null>(null);
  const change = (kind: PayloadKind, rows: readonly PayloadRow[]) => edit({ payload: { ...draft.payload, [kind]: rows } });
  const keep = ({ kind, isNew }: Open, row: PayloadRow) => {
    const rows = draft.payload[kind];
    change(kind, isNew ? [...rows, row] : rows.map((each) => (each.id === row.id ? row : each)));
    setOpen(null);
  };
  return (
    <Card title={t("payload.title")} note={t("payload.note")}>
      <div className={styles.stack}>
        {PAYLOAD_KINDS.map((kind) => (
          <section key={kind} aria-label={t(`payload.kind.${kind}`)}>
            <h3 className={styles.kind}>{t(`payload.kind.${kind}`)}</h3>
            <RuleList
              label={t(`payload.kind.${kind}`)}
              rows={draft.payload[kind]}
              onChange={(rows) => change(kind, rows)}
              name={summary}
              empty={t("payload.empty")}
              add={t("payload.add")}
              onAdd={() => setOpen({ kind, isNew: true, row: { id: newId(), models: [{ name: "*", protocol: null, from_protocol: null, headers: {}, match: {}, not_match: {}, exist: [], not_exist: [] }], params: kind === "filter" ? [] : {}, known: null } })}
              below={(row, at) => <Below row={row} messages={messagesAt(error, `/payload/${kind.replace("-", "_")}/${at}`)} />}
            >
              {(row) => (
                <button type="button" className={styles.payload} onClick={() => setOpen({ kind, row, isNew: false })} title={t("payload.edit")}>
                  <code>{summary(row)}</code>
                  <code className={styles.muted}>{JSON.stringify(row.params)}</code>
                </button>
              )}
            </RuleList>
          </section>
        ))}
      </div>
      {open !== null && <PayloadForm kind={open.kind} row={open.row} onClose={() => setOpen(null)} onKeep={(row) => keep(open, row)} />}
    </Card>
  );
}

function Below({ row, messages }: { row: PayloadRow; messages: readonly string[] }) {
  const { t } = useTranslation("routing");
  const { known } = row;
  const remark = known?.remark ?? null;
  return (
    <>
      {known !== null && remark !== null && (
        <p className={styles.never}>
          <Status tone="warn">{t("payload.never")}</Status> {remark} <ConfigLink at={known.place} />
        </p>
      )}
      <Wrong messages={messages} />
    </>
  );
}

/** Whom the rule is for, in short. */
function summary(row: PayloadRow): string {
  return row.models
    .map((each) => {
      const more = [each.protocol, each.from_protocol, ...Object.keys(each.headers), ...Object.keys(each.match), ...Object.keys(each.not_match), ...each.exist, ...each.not_exist].filter((part) => part !== null && part !== "");
      return more.length === 0 ? each.name : `${each.name} (${more.join(", ")})`;
    })
    .join(" | ");
}
