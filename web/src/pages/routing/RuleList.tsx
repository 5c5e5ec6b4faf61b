import clsx from "clsx";
import { ArrowDown, ArrowUp, GripVertical, Plus, Trash2 } from "lucide-react";
import { type DragEvent, type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { moved } from "./draft";
import styles from "./routing.module.css";

export type RuleListProps<T extends { id: number }> = {
  label: string;
  rows: readonly T[];
  onChange: (rows: readonly T[]) => void;
  /** What a rule says, in short: names it for screen readers. */
  name: (row: T) => string;
  children: (row: T, at: number) => ReactNode;
  /** Under the row: what is wrong with it. */
  below?: (row: T, at: number) => ReactNode;
  empty: string;
  add: string;
  onAdd: () => void;
};

/** Rules in their order, which counts: dragged, moved by Alt and an arrow key, or by the buttons. */
export function RuleList<T extends { id: number }>({ label, rows, onChange, name, children, below, empty, add, onAdd }: RuleListProps<T>) {
  const { t } = useTranslation("routing");
  const list = useRef<HTMLOListElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const [said, setSaid] = useState("");

  const move = (at: number, to: number) => {
    const next = moved(rows, at, to);
    if (next === rows) return;
    onChange(next);
    const row = rows[at];
    if (row !== undefined) setSaid(t("list.moved", { name: name(row), place: to + 1, count: rows.length }));
  };
  const onKeyDown = (event: KeyboardEvent, at: number) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    move(at, at + (event.key === "ArrowUp" ? -1 : 1));
    // The row keeps its element, but the browser may lose the focus while it is moved.
    const target = event.target as HTMLElement;
    requestAnimationFrame(() => target.isConnected && target.focus());
  };
  const onDragOver = (event: DragEvent, at: number) => {
    if (dragged === null) return;
    event.preventDefault();
    const from = rows.findIndex((row) => row.id === dragged);
    if (from >= 0 && from !== at) move(from, at);
  };
  return (
    <div className={clsx(styles.list, rows.length === 0 && styles.listEmpty)}>
      {rows.length === 0 ? (
        <p className={styles.muted}>{empty}</p>
      ) : (
        <ol ref={list} className={styles.rows} aria-label={label}>
          {rows.map((row, at) => (
            // The keys are those of the controls in the row.
            // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
            <li key={row.id} className={clsx(styles.row, dragged === row.id && styles.dragged)} onKeyDown={(event) => onKeyDown(event, at)} onDragOver={(event) => onDragOver(event, at)} onDrop={(event) => event.preventDefault()}>
              <span
                className={styles.grip}
                draggable
                aria-hidden
                onDragStart={(event) => {
                  event.dataTransfer.effectAllowed = "move";
                  event.dataTransfer.setData("text/plain", name(row));
                  setDragged(row.id);
                }}
                onDragEnd={() => setDragged(null)}
              >
                <GripVertical size={14} />
                {at + 1}
              </span>
              <div className={styles.fields}>{children(row, at)}</div>
              <div className={styles.rowTools}>
                <IconButton icon={ArrowUp} small label={t("list.up", { name: name(row) })} shortcut="Alt ↑" disabled={at === 0} onClick={() => move(at, at - 1)} />
                <IconButton icon={ArrowDown} small label={t("list.down", { name: name(row) })} shortcut="Alt ↓" disabled={at === rows.length - 1} onClick={() => move(at, at + 1)} />
                <IconButton icon={Trash2} small label={t("list.remove", { name: name(row) })} onClick={() => onChange(rows.filter((each) => each.id !== row.id))} />
              </div>
              {below !== undefined && <div className={styles.below}>{below(row, at)}</div>}
            </li>
          ))}
        </ol>
      )}
      <div className={styles.add}>
        <Button small kind="quiet" icon={Plus} onClick={onAdd}>
          {add}
        </Button>
      </div>
      <span className="sr-only" role="status">
        {said}
      </span>
    </div>
  );
}
