/** What is kept of a table's columns in this browser: order, what is hidden, widths. */
import { load, save } from "../lib/storage";

export type ColumnLayout = {
  order: string[];
  hidden: Record<string, boolean>;
  sizes: Record<string, number>;
};

function record<V>(value: unknown, check: (each: unknown) => each is V): Record<string, V> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, V] => check(entry[1])));
}

/**
 * The layout kept under `name`, fitted to the columns there are now: one that has
 * come with an upgrade stands where it was put, one that has gone is forgotten.
 */
export function loadLayout(name: string, columns: readonly string[], hiddenAtFirst: readonly string[] = []): ColumnLayout {
  const kept = load(`table.${name}`);
  const layout = typeof kept === "object" && kept !== null ? (kept as Record<string, unknown>) : null;
  const hidden = layout === null ? {} : record(layout.hidden, (each): each is boolean => typeof each === "boolean");
  const sizes = layout === null ? {} : record(layout.sizes, (each): each is number => typeof each === "number" && each > 0);
  const wanted = Array.isArray(layout?.order) ? layout.order.filter((id): id is string => typeof id === "string" && columns.includes(id)) : [];
  const order = [...new Set(wanted)];
  columns.forEach((id, at) => {
    if (order.includes(id)) return;
    const before = columns.slice(0, at).findLast((other) => order.includes(other));
    order.splice(before === undefined ? 0 : order.indexOf(before) + 1, 0, id);
  });
  return {
    order,
    hidden: Object.fromEntries(columns.map((id) => [id, hidden[id] ?? hiddenAtFirst.includes(id)])),
    sizes: Object.fromEntries(Object.entries(sizes).filter(([id]) => columns.includes(id))),
  };
}

export function saveLayout(name: string, layout: ColumnLayout): void {
  save(`table.${name}`, layout);
}

/** `order` with `id` moved by one place among those that are shown. */
export function moveColumn(order: readonly string[], id: string, by: -1 | 1, shown: (id: string) => boolean): string[] {
  const visible = order.filter((each) => each === id || shown(each));
  const neighbour = visible[visible.indexOf(id) + by];
  if (neighbour === undefined) return [...order];
  const rest = order.filter((each) => each !== id);
  rest.splice(rest.indexOf(neighbour) + (by === 1 ? 1 : 0), 0, id);
  return rest;
}
