import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { AnswerReader, isWireFormat } from "../../lib/answer";
import { count, duration, fullTime, money, UNKNOWN } from "../../lib/format";
import { Modal } from "../../ui/Dialog";
import { ErrorCard } from "../../ui/ErrorCard";
import { Skeleton } from "../../ui/Skeleton";
import { Badge } from "../../ui/Status";
import { type LogDetail, useDetail } from "../../ui/request/data";
import styles from "./requests.module.css";

/** Two requests side by side; what differs is marked. */
export function Compare({ first, second, onClose }: { first: string; second: string; onClose: () => void }) {
  const { t } = useTranslation("requests");
  const one = useDetail(first);
  const two = useDetail(second);
  const failed = one.error ?? two.error;
  return (
    <Modal title={t("compare.title")} onClose={onClose} width={1080}>
      {failed !== null ? (
        <ErrorCard error={failed} onRetry={() => void Promise.all([one.refetch(), two.refetch()])} />
      ) : one.data === undefined || two.data === undefined ? (
        <Skeleton height={420} />
      ) : (
        <Table one={one.data} two={two.data} />
      )}
    </Modal>
  );
}

function answerText({ entry, capture }: LogDetail): string | null {
  if (capture === null || !isWireFormat(entry.format)) return null;
  const { text, calls } = new AnswerReader(entry.format).whole(capture.answer.body).reading;
  return [text, ...calls.map((call) => `${call.name}(${call.arguments})`)].filter((part) => part !== "").join("\n");
}

function Table({ one, two }: { one: LogDetail; two: LogDetail }) {
  const { t } = useTranslation("requests");
  const rows: { name: string; of: (detail: LogDetail) => string; measured?: boolean }[] = [
    { name: t("compare.outcome"), of: (each) => each.outcome, measured: true },
    { name: t("compare.status"), of: ({ entry }) => [entry.status, entry.error].filter((part) => part !== null).join(" ") },
    { name: t("compare.time"), of: ({ entry }) => fullTime(entry.timestamp), measured: true },
    { name: t("compare.asked"), of: ({ entry }) => entry.model ?? UNKNOWN },
    { name: t("compare.served"), of: ({ entry }) => entry.served_model ?? UNKNOWN },
    { name: t("compare.credential"), of: ({ entry }) => entry.credential ?? UNKNOWN },
    { name: t("compare.wire"), of: ({ entry }) => (entry.upstream_format === null ? entry.format : t("row.wire", { from: entry.format, to: entry.upstream_format })) },
    { name: t("compare.stream"), of: ({ entry }) => (entry.stream ? t("compare.yes") : t("compare.no")) },
    { name: t("compare.ttft"), of: ({ entry }) => duration(entry.first_content_ms), measured: true },
    { name: t("compare.total"), of: ({ entry }) => duration(entry.latency_ms), measured: true },
    { name: t("compare.input"), of: ({ entry }) => count(entry.input_tokens) },
    { name: t("compare.output"), of: ({ entry }) => count(entry.output_tokens) },
    { name: t("compare.cost"), of: ({ entry }) => money(entry.cost === null ? null : Number(entry.cost)) },
    { name: t("compare.attempts"), of: (each) => each.attempts.map((attempt) => `${attempt.credential} ${attempt.status ?? attempt.error ?? ""}`.trim()).join(", ") || UNKNOWN },
    { name: t("compare.key"), of: ({ entry }) => (entry.key === null || entry.key === "" ? UNKNOWN : entry.key) },
    { name: t("compare.config"), of: ({ entry }) => entry.config },
    { name: t("compare.losses"), of: (each) => each.ledger.map((loss) => `${loss.pointer} ${loss.action}`).join(", ") || UNKNOWN },
    { name: t("compare.answer"), of: (each) => answerText(each) ?? t("compare.noAnswer") },
  ];
  return (
    <div className={styles.wide}>
      <table className={styles.compare}>
        <thead>
          <tr>
            <th scope="col">{t("compare.what")}</th>
            <IdHead name={t("compare.first")} id={one.entry.request_id} />
            <IdHead name={t("compare.second")} id={two.entry.request_id} />
            <th scope="col">
              <span className="sr-only">{t("compare.differs")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, of, measured }) => {
            const [left, right] = [of(one), of(two)];
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <Cell>{left}</Cell>
                <Cell>{right}</Cell>
                {/* Measured values hardly ever are the same: that says nothing. */}
                <td>{measured !== true && left !== right && <Badge tone="warn">{t("compare.differs")}</Badge>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function IdHead({ name, id }: { name: string; id: string }) {
  return (
    <th scope="col">
      {name} <code className={styles.id}>{id}</code>
    </th>
  );
}

function Cell({ children }: { children: ReactNode }) {
  return <td className={styles.compared}>{children}</td>;
}
