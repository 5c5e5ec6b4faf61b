/** Where the parts of the picture of traffic stand: columns of names, ribbons between them. */
import type { Schemas } from "../../api/client";

export type Flow = Schemas["Flow"];

export type Node = {
  key: string;
  column: 0 | 1 | 2;
  name: string;
  requests: number;
  failed: number;
  y: number;
  height: number;
};

export type Ribbon = {
  key: string;
  from: string;
  to: string;
  column: 0 | 1;
  requests: number;
  /** Its upper edges, left and right, and how wide it is. */
  y0: number;
  y1: number;
  height: number;
};

export type FlowPicture = { nodes: Node[]; ribbons: Ribbon[]; height: number };

/** Stands for the names that there is no room for. */
export const OTHER = "\u0000other";

const GAP = 18; // px between nodes: a line of text
const THINNEST = 3; // px: what there is must be seen

const FIELDS = ["format", "model", "credential"] as const;

/** `most` names a column; the others are one. */
export function layOut(flows: readonly Flow[], height: number, most = 7): FlowPicture {
  const total = flows.reduce((sum, flow) => sum + flow.requests, 0);
  if (total === 0) return { nodes: [], ribbons: [], height: 0 };
  const columns = FIELDS.map((field) => names(flows, field, most));
  const deepest = Math.max(...columns.map((column) => column.size));
  const scale = Math.max(0, height - deepest * GAP) / total;
  const nodes = columns.flatMap((column, index) => place(column, index as 0 | 1 | 2, scale));
  const whole = Math.max(...nodes.map((node) => node.y + node.height)) + GAP;
  const ribbons = [...between(flows, columns, nodes, 0, scale), ...between(flows, columns, nodes, 1, scale)];
  return { nodes, ribbons, height: Math.max(whole, 60) };
}

type Column = Map<string, { requests: number; failed: number }>;

function names(flows: readonly Flow[], field: (typeof FIELDS)[number], most: number): Column {
  const sums: Column = new Map();
  for (const flow of flows) {
    const own = sums.get(flow[field]) ?? { requests: 0, failed: 0 };
    sums.set(flow[field], { requests: own.requests + flow.requests, failed: own.failed + flow.failed });
  }
  const sorted = [...sums].sort((a, b) => b[1].requests - a[1].requests);
  if (sorted.length <= most) return new Map(sorted);
  const rest = sorted.slice(most - 1).reduce((sum, [, own]) => ({ requests: sum.requests + own.requests, failed: sum.failed + own.failed }), { requests: 0, failed: 0 });
  return new Map([...sorted.slice(0, most - 1), [OTHER, rest]]);
}

function place(column: Column, index: 0 | 1 | 2, scale: number): Node[] {
  let y = GAP;
  return [...column].map(([name, own]) => {
    const height = Math.max(THINNEST, own.requests * scale);
    const node: Node = { key: `${index}/${name}`, column: index, name, ...own, y, height };
    y += height + GAP;
    return node;
  });
}

function between(flows: readonly Flow[], columns: readonly Column[], nodes: readonly Node[], column: 0 | 1, scale: number): Ribbon[] {
  const name = (at: 0 | 1 | 2, flow: Flow) => (columns[at]?.has(flow[FIELDS[at]]) === true ? flow[FIELDS[at]] : OTHER);
  const pairs = new Map<string, { from: string; to: string; requests: number }>();
  for (const flow of flows) {
    const from = `${column}/${name(column, flow)}`;
    const to = `${column + 1}/${name((column + 1) as 1 | 2, flow)}`;
    const key = `${from}\u0000${to}`;
    pairs.set(key, { from, to, requests: (pairs.get(key)?.requests ?? 0) + flow.requests });
  }
  const place = new Map(nodes.map((node, at) => [node.key, { at, y: node.y }]));
  const order = (key: string) => place.get(key)?.at ?? 0;
  const left = new Map<string, number>();
  const right = new Map<string, number>();
  // In the order of the nodes on both sides, so that ribbons cross as little as can be.
  return [...pairs.values()]
    .sort((a, b) => order(a.from) - order(b.from) || order(a.to) - order(b.to))
    .map(({ from, to, requests }) => {
      const height = Math.max(1, requests * scale);
      const y0 = left.get(from) ?? place.get(from)?.y ?? 0;
      const y1 = right.get(to) ?? place.get(to)?.y ?? 0;
      left.set(from, y0 + height);
      right.set(to, y1 + height);
      return { key: `${from}\u0000${to}`, from, to, column, requests, y0, y1, height };
    });
}

/** The outline of a ribbon between `x0` and `x1`. */
export function ribbonPath({ y0, y1, height }: Ribbon, x0: number, x1: number): string {
  const middle = (x0 + x1) / 2;
  return `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}L${x1} ${y1 + height}C${middle} ${y1 + height} ${middle} ${y0 + height} ${x0} ${y0 + height}Z`;
}
