/**
 * A table of many rows: only those in view are in the document, and what is in a row
 * is rendered anew when the row is another object, or the columns have changed. One
 * row is in the tab order; the arrow keys, `j` and `k` move on, `Enter` opens. Columns
 * are hidden, moved and resized, and stay so in this browser.
 */
import { columnOrderingFeature, columnResizingFeature, columnSizingFeature, columnVisibilityFeature, type ColumnDef, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import clsx from "clsx";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, memo, type PointerEvent, type ReactNode, type Ref, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useShortcut } from "../lib/useShortcut";
import { usePrefs } from "../live/prefs";
import { ColumnPanel } from "./ColumnPanel";
import { type ColumnLayout, loadLayout, saveLayout } from "./columns";
import styles from "./DataTable.module.css";

export type Column<T> = {
  id: string;
  /** Its name in the head. */
  label: string;
  cell: (row: T) => ReactNode;
  /** Pixels. */
  size?: number;
  /** Numbers stand at the end. */
  align?: "start" | "end";
  /** Not shown until asked for. */
  hidden?: boolean;
  /** Can be sorted by; the table tells the page, which sorts or asks the gateway to. */
  sortable?: boolean;
};

export type Sort = { column: string; descending: boolean };

export type DataTableHandle = {
  /** The element of a row that is in view, to give the focus back to. */
  rowElement: (key: string) => HTMLElement | null;
  scrollToTop: () => void;
};

export type DataTableProps<T extends object> = {
  /** Under which the columns are remembered. */
  name: string;
  /** What the rows are, for screen readers. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  onOpen?: (row: T) => void;
  selected?: string | undefined;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  /** All there are, when more than `rows` (they come with `onEnd`); -1 when nobody knows. */
  total?: number;
  /** The end of the rows comes into view: time to load more. */
  onEnd?: () => void;
  /** Whether the list stands at its top, and whether a row has the focus: then new rows should wait. */
  onHold?: (hold: boolean) => void;
  /** Shown in place of rows: an `EmptyState`, an `ErrorCard`, a `SkeletonRows`. */
  instead?: ReactNode;
  /** What stands across all columns in place of cells: for a row that is a remark. */
  wholeRow?: (row: T) => ReactNode;
  /** Left of the columns button. */
  tools?: ReactNode;
  /** Keys for the row that has the focus, as `c` to copy its id. */
  onRowKey?: (key: string, row: T) => void;
  handle?: Ref<DataTableHandle>;
  height?: CSSProperties["height"];
};

const features = tableFeatures({ columnVisibilityFeature, columnOrderingFeature, columnSizingFeature, columnResizingFeature });
const DEFAULT_SIZE = 120;
const NARROWEST = 48;
const RESIZE_STEP = 16;

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const { name, label, columns, rows, rowKey, onOpen, selected, sort, onSort, total, onEnd, onHold, instead, wholeRow, tools, onRowKey, handle, height } = props;
  const { t } = useTranslation();
  const rowHeight = usePrefs((prefs) => prefs.density) === "compact" ? 28 : 36;
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string | null>(null);
  const { table, shown, layout, setLayout, resetLayout } = useColumns(name, columns);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (at) => {
      const row = rows[at];
      return row === undefined ? at : rowKey(row);
    },
    overscan: 6,
    initialRect: { width: 1000, height: 600 },
  });
  useEffect(() => virtualizer.measure(), [virtualizer, rowHeight]);
  const items = virtualizer.getVirtualItems();

  const lastInView = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (rows.length > 0 && lastInView >= rows.length - 10) onEnd?.();
  }, [lastInView, rows.length, onEnd]);

  const rowElement = useCallback((key: string) => scroller.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null, []);
  useImperativeHandle(handle, () => ({ rowElement, scrollToTop: () => virtualizer.scrollToIndex(0) }), [rowElement, virtualizer]);

  const at = current === null ? -1 : rows.findIndex((row) => rowKey(row) === current);
  // The row that takes part in the tab order: the current one, or the first in view.
  const stop = at >= 0 && items.some((item) => item.index === at) ? at : (items[0]?.index ?? 0);

  const go = (to: number) => {
    const row = rows[Math.max(0, Math.min(to, rows.length - 1))];
    if (row === undefined) return;
    const key = rowKey(row);
    setCurrent(key);
    virtualizer.scrollToIndex(Math.max(0, Math.min(to, rows.length - 1)));
    // The row may have to be made first.
    requestAnimationFrame(() => rowElement(key)?.focus({ preventScroll: true }));
  };
  useShortcut("j", () => go(at + 1));
  useShortcut("k", () => go(at < 0 ? 0 : at - 1));

  const rowKeyDown = (event: KeyboardEvent, index: number, row: T) => {
    if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
    const moves: Record<string, number> = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: rows.length - 1 };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    } else if (event.key === "Enter" && onOpen !== undefined && (wholeRow?.(row) ?? null) === null) {
      event.preventDefault();
      onOpen(row);
    } else {
      onRowKey?.(event.key, row);
    }
  };

  const hold = () => onHold?.((scroller.current?.scrollTop ?? 0) > rowHeight / 2 || scroller.current?.querySelector("[role=row]:focus") !== null);
  const width = table.getTotalSize();
  return (
    <div className={styles.frame} style={{ height }}>
      <div className={styles.tools}>
        {tools}
        <ColumnPanel columns={columns} layout={layout} onChange={setLayout} onReset={resetLayout} />
      </div>
      {/* It only listens to what happens in its rows. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div ref={scroller} className={styles.scroller} onScroll={hold} onPointerOver={tellWhole} onFocus={hold} onBlur={() => requestAnimationFrame(hold)}>
        <div role="table" aria-label={label} aria-rowcount={total ?? rows.length} aria-colcount={shown.length} className={styles.table} style={{ width }}>
          <div role="rowgroup" className={styles.head}>
            {table.getHeaderGroups().map((group) => (
              <div key={group.id} role="row" aria-rowindex={1} style={{ display: "flex", width: "100%" }}>
                {group.headers.map((header) => {
                  const column = columns.find((each) => each.id === header.id);
                  if (column === undefined) return null;
                  const sorted = sort?.column === column.id ? sort : undefined;
                  const Arrow = sorted?.descending === true ? ArrowDown : ArrowUp;
                  return (
                    <div
                      key={header.id}
                      role="columnheader"
                      aria-sort={column.sortable ? (sorted === undefined ? "none" : sorted.descending ? "descending" : "ascending") : undefined}
                      className={clsx(styles.headCell, column.align === "end" && styles.end)}
                      style={{ width: header.getSize() }}
                    >
                      {column.sortable && onSort !== undefined ? (
                        <button
                          type="button"
                          className={styles.sort}
                          title={t("table.sort", { name: column.label })}
                          onClick={() => onSort({ column: column.id, descending: sorted === undefined ? true : !sorted.descending })}
                        >
                          <span className={styles.headText} style={{ padding: 0 }}>
                            {column.label}
                          </span>
                          {sorted !== undefined && <Arrow size={12} aria-hidden />}
                        </button>
                      ) : (
                        <span className={styles.headText}>{column.label}</span>
                      )}
                      <Resizer
                        label={t("table.resize", { name: column.label })}
                        size={header.getSize()}
                        onDrag={header.getResizeHandler()}
                        onSize={(size) => setLayout({ ...layout, sizes: { ...layout.sizes, [column.id]: size } })}
                      />
                    </div>
                  );
                })}
              </div>
            ))}
          </div>
          {rows.length > 0 && (
            <div role="rowgroup" className={styles.body} style={{ height: virtualizer.getTotalSize() }}>
              {items.map((item) => {
                const row = rows[item.index];
                if (row === undefined) return null;
                const key = rowKey(row);
                const remark = wholeRow?.(row) ?? null;
                return (
                  // Keys are for the row that has the focus; the click is the same as Enter.
                  <div
                    key={item.key}
                    role="row"
                    data-key={key}
                    aria-rowindex={item.index + 2}
                    aria-selected={selected === undefined ? undefined : selected === key}
                    tabIndex={item.index === stop ? 0 : -1}
                    className={clsx(styles.row, onOpen !== undefined && remark === null && styles.clickable)}
                    style={{ transform: `translateY(${item.start}px)` }}
                    onFocus={() => setCurrent(key)}
                    onKeyDown={(event) => rowKeyDown(event, item.index, row)}
                    onClick={(event) => {
                      if (onOpen === undefined || remark !== null || wasForOther(event.target, event.currentTarget)) return;
                      event.currentTarget.focus();
                      onOpen(row);
                    }}
                  >
                    {remark === null ? (
                      <Cells row={row} columns={shown} />
                    ) : (
                      <div role="cell" aria-colspan={shown.length} className={styles.remark}>
                        {remark}
                      </div>
                    )}
                  </div>
                );
              })}
            </div>
          )}
        </div>
        {instead}
      </div>
    </div>
  );
}

type Shown<T> = Column<T> & { width: number };

/** What is in a row. Rows that come at the top move all others, and change none. */
const Cells = memo(function Cells<T>({ row, columns }: { row: T; columns: readonly Shown<T>[] }) {
  return columns.map((column) => (
    <div key={column.id} role="cell" className={clsx(styles.cell, column.align === "end" && styles.end)} style={{ width: column.width }}>
      {column.cell(row)}
    </div>
  ));
}) as <T>(props: { row: T; columns: readonly Shown<T>[] }) => ReactNode;

/** A cell that is cut off says all of itself to the pointer. */
function tellWhole({ target }: PointerEvent): void {
  const cell = target instanceof Element ? target.closest<HTMLElement>("[role=cell]") : null;
  if (cell === null) return;
  if (cell.scrollWidth > cell.clientWidth && cell.querySelector("[title]") === null) cell.title = cell.innerText;
  else cell.removeAttribute("title");
}

/** Whether a click meant a control in the row, or marked text. */
function wasForOther(target: EventTarget, row: HTMLElement): boolean {
  if (!(target instanceof Element)) return false;
  const control = target.closest("a, button, input, select, label");
  if (control !== null && row.contains(control)) return true;
  return (window.getSelection()?.toString() ?? "") !== "";
}

function Resizer({ label, size, onDrag, onSize }: { label: string; size: number; onDrag: (event: unknown) => void; onSize: (size: number) => void }) {
  return (
    // A separator with a value is the role for a handle; it takes the arrow keys.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={Math.round(size)}
      aria-valuemin={NARROWEST}
      aria-valuemax={1200}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className={styles.resizer}
      onMouseDown={onDrag}
      onTouchStart={onDrag}
      onKeyDown={(event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        event.preventDefault();
        onSize(Math.max(NARROWEST, size + (event.key === "ArrowRight" ? RESIZE_STEP : -RESIZE_STEP)));
      }}
    />
  );
}

const NO_ROWS: never[] = [];

/**
 * The table of TanStack with its columns' layout, which is kept in this browser. It is
 * told of columns alone: a model of each row is of no use, and with thousands that
 * come several times a second it would be most of the work.
 */
function useColumns<T extends object>(name: string, columns: readonly Column<T>[]) {
  const ids = columns.map((column) => column.id).join(" ");
  const hiddenAtFirst = columns.filter((column) => column.hidden).map((column) => column.id).join(" ");
  const fresh = useCallback(() => loadLayout(name, ids.split(" "), hiddenAtFirst.split(" ")), [name, ids, hiddenAtFirst]);
  const [layout, setState] = useState<ColumnLayout>(fresh);
  const setLayout = (next: ColumnLayout) => {
    setState(next);
    saveLayout(name, next);
  };
  // The cells are rendered from `columns` themselves; the table knows ids and widths.
  const definitions = useMemo<ColumnDef<typeof features, T>[]>(
    () => columns.map((column) => ({ id: column.id, size: column.size ?? DEFAULT_SIZE, minSize: NARROWEST, header: column.label })),
    [columns],
  );
  const visibility = useMemo(() => Object.fromEntries(Object.entries(layout.hidden).map(([id, hidden]) => [id, !hidden])), [layout.hidden]);
  const table = useTable<typeof features, T>({
    features,
    columns: definitions,
    data: NO_ROWS,
    columnResizeMode: "onChange",
    state: { columnVisibility: visibility, columnOrder: layout.order, columnSizing: layout.sizes },
    onColumnSizingChange: (change) => {
      const sizes = typeof change === "function" ? change(layout.sizes) : change;
      setLayout({ ...layout, sizes });
    },
  });
  const resetLayout = () => {
    saveLayout(name, { order: [], hidden: {}, sizes: {} });
    setState({ order: ids.split(" "), hidden: Object.fromEntries(columns.map((column) => [column.id, column.hidden === true])), sizes: {} });
  };
  const shown = useMemo<readonly Shown<T>[]>(
    () =>
      layout.order.flatMap((id) => {
        const column = columns.find((each) => each.id === id);
        return column === undefined || layout.hidden[id] === true ? [] : [{ ...column, width: Math.max(NARROWEST, layout.sizes[id] ?? column.size ?? DEFAULT_SIZE) }];
      }),
    [columns, layout],
  );
  return { table, shown, layout, setLayout, resetLayout };
}
