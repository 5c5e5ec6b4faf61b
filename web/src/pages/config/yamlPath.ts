/**
 * Where one is in a configuration file: the path of each line, and what is being
 * written at a position. It reads line by line, so that a text that is half written,
 * and no YAML yet, has places as well. Whether a text is right only the gateway says.
 */

export type Step = string | number;
export type Path = readonly Step[];

/** A key, or an item of a list. Lines count from 1, columns from 0. */
export type Entry = {
  path: Path;
  line: number;
  /** Where the key stands in its line; for an item, the dash. */
  from: number;
  to: number;
  /** What follows on the line. */
  value: string;
};

type Container = { kind: "map" | "list"; column: number; path: Path; items: number; last: Path };

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{}#,&*!|>%@`](?:[^:#]|:(?!\s|$)|(?<!\s)#)*?)\s*:(?=\s|$)/;
const BLOCK = /^[|>][-+0-9]*\s*(#.*)?$/;

class Scanner {
  readonly entries: Entry[] = [];
  private readonly open: Container[] = [];
  /** Lines that are deeper than this belong to a text in a block. */
  private block: number | null = null;
  /** Brackets that are open at the end of the last line. */
  depth = 0;

  line(text: string, number: number): void {
    const indent = text.search(/\S/);
    if (indent < 0) return;
    if (this.block !== null) {
      if (indent > this.block) return;
      this.block = null;
    }
    if (this.depth > 0) {
      this.depth = Math.max(0, this.depth + brackets(text));
      return;
    }
    if (text[indent] === "#" || text.startsWith("---") || text.startsWith("...")) return;
    const column = this.dashes(text, indent, number);
    const rest = text.slice(column);
    if (rest === "" || rest.startsWith("#")) return;
    const key = KEY.exec(rest);
    if (key === null) {
      const last = this.entries.at(-1);
      if (last?.line === number) last.value = rest;
      this.depth = Math.max(0, brackets(rest));
      return;
    }
    const map = this.mapAt(column);
    const path = [...map.path, unquoted(key[1] ?? "")];
    const value = rest.slice(key[0].length).trim();
    map.last = path;
    this.entries.push({ path, line: number, from: column, to: column + (key[1] ?? "").length, value });
    if (BLOCK.test(value)) this.block = column;
    else this.depth = Math.max(0, brackets(value));
  }

  /** Opens the items that begin on the line; returns where what is in them begins. */
  dashes(text: string, start: number, number: number): number {
    let column = start;
    while (/^-(\s|$)/.test(text.slice(column))) {
      const list = this.listAt(column);
      const path = [...list.path, list.items];
      list.items += 1;
      list.last = path;
      this.entries.push({ path, line: number, from: column, to: column + 1, value: "" });
      column += 1;
      while (text[column] === " ") column += 1;
    }
    return column;
  }

  private listAt(column: number): Container {
    while ((this.open.at(-1)?.column ?? -1) > column) this.open.pop();
    const top = this.open.at(-1);
    if (top?.kind === "list" && top.column === column) return top;
    return this.begin("list", column);
  }

  /** The map whose keys stand in `column`. */
  mapAt(column: number): Container {
    for (;;) {
      const top = this.open.at(-1);
      if (top === undefined || top.column < column || (top.column === column && top.kind === "map")) break;
      this.open.pop();
    }
    const top = this.open.at(-1);
    return top?.kind === "map" && top.column === column ? top : this.begin("map", column);
  }

  private begin(kind: Container["kind"], column: number): Container {
    const path = this.open.at(-1)?.last ?? [];
    const made = { kind, column, path, items: 0, last: path };
    this.open.push(made);
    return made;
  }
}

function unquoted(key: string): string {
  return /^["'].*["']$/.test(key) ? key.slice(1, -1) : key;
}

/** How many brackets a piece of text opens more than it closes. */
function brackets(text: string): number {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(^|\s)#.*$/g, "");
  if (!/^\s*[[{\]},]/.test(plain) && !/[[{]\s*$/.test(plain) && !/^[^[{]*[\]}]/.test(plain)) return 0;
  return (plain.match(/[[{]/g)?.length ?? 0) - (plain.match(/[\]}]/g)?.length ?? 0);
}

export function entriesOf(text: string): Entry[] {
  const scanner = new Scanner();
  text.split("\n").forEach((line, at) => scanner.line(line, at + 1));
  return scanner.entries;
}

/** The innermost entry that a line belongs to. */
export function entryAt(entries: readonly Entry[], line: number): Entry | undefined {
  return entries.findLast((entry) => entry.line <= line);
}

/** `claude-api-key[0].name` */
export function written(path: Path): string {
  return path.map((step, at) => (typeof step === "number" ? `[${step}]` : at === 0 ? step : `.${step}`)).join("");
}

/** The line of a place such as `payload.default[0].models[1]`: of the nearest part of it that is there. */
export function lineOf(entries: readonly Entry[], place: string): number | undefined {
  let best: Entry | undefined;
  for (const entry of entries) {
    const own = written(entry.path);
    const fits = place === own || (place.startsWith(own) && /^[.[]/.test(place.slice(own.length)));
    if (fits && (best === undefined || entry.path.length > best.path.length)) best = entry;
  }
  return best?.line;
}

/** What is being written at a position. */
export type Spot = {
  /** A key of the map at `path`, or the value at `path`. */
  kind: "key" | "value";
  path: Path;
  /** What is there of it already, before the position. */
  word: string;
  /** Keys that the map has already. */
  taken: readonly string[];
  /** How deep a new line below it is to be indented. */
  indent: number;
  /** It stands in braces or brackets. */
  inline: boolean;
};

export function spotAt(text: string, position: number): Spot | null {
  const before = text.slice(0, position);
  const lines = before.split("\n");
  const current = lines.pop() ?? "";
  if (/(^|\s)#/.test(current.replace(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/g, ""))) return null;
  const scanner = new Scanner();
  lines.forEach((line, at) => scanner.line(line, at + 1));
  const all = entriesOf(text);
  const found = scanner.depth > 0 ? null : block(scanner, current);
  const spot = found ?? { kind: "value" as const, path: scanner.entries.at(-1)?.path ?? [], word: "", indent: 0 };
  const opening = scanner.depth > 0 ? (scanner.entries.at(-1)?.value ?? "") : "";
  const flow = /^\s*[[{]/.test(opening + spot.word) || scanner.depth > 0 ? inFlow(opening + (scanner.depth > 0 ? current : spot.word), spot.path) : null;
  const here = flow ?? spot;
  const taken = flow === null ? all.filter((entry) => entry.path.length === here.path.length + 1 && written(entry.path.slice(0, -1)) === written(here.path) && !(entry.line === lines.length + 1)).map((entry) => String(entry.path.at(-1))) : flow.taken;
  return { ...here, taken, indent: spot.indent, inline: flow !== null };
}

type Found = { kind: "key" | "value"; path: Path; word: string; indent: number };

function block(scanner: Scanner, current: string): Found {
  const indent = current.search(/\S/);
  const start = indent < 0 ? current.length : indent;
  const column = scanner.dashes(current, start, 0);
  const rest = current.slice(column);
  const map = scanner.mapAt(column);
  const key = KEY.exec(rest);
  if (key !== null && /\s/.test(rest[key[0].length] ?? "")) {
    return { kind: "value", path: [...map.path, unquoted(key[1] ?? "")], word: rest.slice(key[0].length).trimStart(), indent: column + 2 };
  }
  return { kind: "key", path: map.path, word: rest, indent: column + 2 };
}

type Level = { list: boolean; path: Path; at: number; key: string | null; keys: string[] };

/** Where in `{a: 1, b: [` one is. */
function inFlow(text: string, base: Path): Omit<Found, "indent"> & { taken: string[] } | null {
  const levels: Level[] = [];
  let word = "";
  const inner = (): Path => {
    const top = levels.at(-1);
    if (top === undefined) return base;
    return [...top.path, top.list ? top.at : (top.key ?? "")];
  };
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|'[^']*'?|[[{\]},]|:(?=\s|$)|[^\s[\]{},:"']+|[\s:]/g)) {
    const top = levels.at(-1);
    if (token === "{" || token === "[") levels.push({ list: token === "[", path: inner(), at: 0, key: null, keys: [] });
    else if (token === "}" || token === "]") levels.pop();
    else if (token === ",") {
      if (top !== undefined) Object.assign(top, { at: top.at + 1, key: null });
    } else if (token === ":" && top !== undefined && !top.list && top.key === null) {
      top.key = unquoted(word);
      top.keys.push(top.key);
    } else if (token.trim() !== "") {
      word = token;
      continue;
    } else continue;
    word = "";
  }
  const top = levels.at(-1);
  if (top === undefined) return null;
  if (/\s$/.test(text)) word = "";
  if (top.list || top.key !== null) return { kind: "value", path: inner(), word, taken: [] };
  return { kind: "key", path: top.path, word, taken: top.keys };
}
