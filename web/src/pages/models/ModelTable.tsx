import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { ago, fullTime, money } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { type Column, DataTable, type Sort } from "../../ui/DataTable";
import { Badge } from "../../ui/Status";
import styles from "./models.module.css";
import { keyOf, type Model } from "./rows";
import { capabilityWords, kindWord, STANDING_TONE, standingShort, warningWord } from "./words";

export type ModelTableProps = {
  rows: readonly Model[];
  selected: string | undefined;
  sort: Sort | undefined;
  onSort: (sort: Sort) => void;
  onOpen: (model: Model) => void;
  instead?: ReactNode;
  tools: ReactNode;
};

export function ModelTable({ rows, selected, sort, onSort, onOpen, instead, tools }: ModelTableProps) {
  const { t } = useTranslation("models");
  const columns = useMemo<Column<Model>[]>(
    () => [
      { id: "name", label: t("table.name"), size: 210, sortable: true, cell: (model) => <code className={styles.cellName}>{model.name}</code> },
      { id: "kind", label: t("table.kind"), size: 80, sortable: true, cell: (model) => kindWord(t, model.kind) },
      { id: "resolves", label: t("table.resolves"), size: 160, cell: (model) => <code>{shortList(model.resolves_to, 1, (more) => t("table.more", { count: more }))}</code> },
      {
        id: "targets",
        label: t("table.targets"),
        size: 210,
        cell: (model) => <Targets model={model} />,
      },
      { id: "warnings", label: t("table.warnings"), size: 120, cell: (model) => <Warnings model={model} /> },
      { id: "capabilities", label: t("table.capabilities"), size: 140, cell: (model) => <Capabilities model={model} /> },
      {
        id: "price",
        label: t("table.price"),
        size: 120,
        align: "end",
        cell: (model) => (model.price === null ? <span className={styles.muted}>{t("table.unpriced")}</span> : `${money(model.price.input)} / ${money(model.price.output)}`),
      },
      {
        id: "used",
        label: t("table.used"),
        size: 110,
        sortable: true,
        align: "end",
        cell: (model) => (model.last_used === null ? <span className={styles.muted}>{t("table.never")}</span> : <LastUsed at={model.last_used} />),
      },
    ],
    [t],
  );
  return (
    <DataTable<Model>
      name="models"
      label={t("table.label")}
      columns={columns}
      rows={rows}
      rowKey={keyOf}
      selected={selected}
      onOpen={onOpen}
      onSort={onSort}
      {...(sort !== undefined && { sort })}
      instead={instead}
      tools={tools}
      height={rows.length === 0 ? 300 : `min(clamp(300px, calc(100dvh - 310px), 900px), calc(84px + ${rows.length} * var(--row)))`}
    />
  );
}

function shortList(names: readonly string[], shown: number, more: (count: number) => string): string {
  return names.length <= shown ? names.join(", ") : `${names.slice(0, shown).join(", ")} ${more(names.length - shown)}`;
}

function Targets({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  if (model.targets.length === 0) return <span className={styles.muted}>{t("cap.unknown")}</span>;
  const away = model.targets.filter((target) => target.standing !== "ok").length;
  const first = model.targets.find((target) => target.standing !== "ok");
  return (
    <span className={styles.inline}>
      <span className={styles.clip} title={model.targets.map((target) => target.credential).join(" → ")}>
        {shortList(model.targets.map((target) => target.credential), 2, (more) => t("table.more", { count: more }))}
      </span>
      {first !== undefined && <Badge tone={STANDING_TONE[first.standing] ?? "info"}>{away === model.targets.length ? standingShort(t, first.standing) : t("table.away", { count: away, word: standingShort(t, first.standing) })}</Badge>}
    </span>
  );
}

function Capabilities({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  if (model.capabilities === null) return t("cap.unknown");
  const words = capabilityWords(t, model.capabilities);
  return <span title={words.join(", ")}>{shortList(words, 2, (more) => t("table.more", { count: more }))}</span>;
}

function Warnings({ model }: { model: Model }) {
  const { t } = useTranslation("models");
  const first = model.warnings[0];
  if (first === undefined) return null;
  return (
    <span className={styles.inline} title={model.warnings.map((warning) => warning.message).join("\n")}>
      <Badge tone="warn">{warningWord(t, first.code)}</Badge>
      {model.warnings.length > 1 && t("table.more", { count: model.warnings.length - 1 })}
    </span>
  );
}

/** A time that grows older while one looks at it. */
function LastUsed({ at }: { at: number }) {
  const now = useNow(30_000);
  return <span title={fullTime(at)}>{ago(at, now)}</span>;
}
