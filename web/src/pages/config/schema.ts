/** The JSON Schema of the configuration, as far as the editor and the reference use it. */
import { isRecord } from "../../api/error";
import type { Path } from "./yamlPath";

type Raw = Record<string, unknown>;

/** What may stand at a place. */
export type Facts = {
  description: string;
  /** In words of JSON: `integer`, `array`, `null`. */
  types: readonly string[];
  /** All that is allowed, where that is a list. */
  words: readonly (string | number | boolean)[];
  fallback: unknown;
  minimum: number | undefined;
  maximum: number | undefined;
  pattern: string | undefined;
  deprecated: boolean;
  secret: boolean;
  /** Its keys, where it is a map with known ones. */
  keys: readonly string[];
  required: readonly string[];
};

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export class SchemaBook {
  constructor(private readonly root: Raw) {}

  /** `null` where nothing may stand, or nobody knows. */
  at(path: Path): Facts | null {
    const found = this.raw(path);
    return found === null ? null : this.facts(found);
  }

  private raw(path: Path): Raw | null {
    let here: Raw | null = this.root;
    for (const step of path) {
      if (here === null) return null;
      here = this.inside(here, step);
    }
    return here;
  }

  private inside(schema: Raw, step: string | number): Raw | null {
    for (const each of this.alternatives(schema)) {
      if (typeof step === "number") {
        if (isRecord(each.items)) return each.items;
        continue;
      }
      const properties = isRecord(each.properties) ? each.properties : {};
      const known = properties[step] ?? each.additionalProperties;
      if (isRecord(known)) return known;
    }
    return null;
  }

  /** The schema itself with its references followed, and each of what it may be. */
  private alternatives(schema: Raw, depth = 0): Raw[] {
    if (depth > 8) return [];
    const reference = text(schema.$ref);
    if (reference !== undefined) {
      const definitions = isRecord(this.root.$defs) ? this.root.$defs : {};
      const target = definitions[reference.replace("#/$defs/", "")];
      return isRecord(target) ? this.alternatives(target, depth + 1) : [];
    }
    const any = list(schema.anyOf).filter(isRecord);
    return any.length === 0 ? [schema] : any.flatMap((each) => this.alternatives(each, depth + 1));
  }

  private facts(schema: Raw): Facts {
    const all = this.alternatives(schema);
    const first = <T>(read: (each: Raw) => T | undefined): T | undefined => read(schema) ?? all.map(read).find((each) => each !== undefined);
    const words = all.flatMap((each) => list(each.enum)).filter((each) => ["string", "number", "boolean"].includes(typeof each)) as (string | number | boolean)[];
    const types = [...new Set(all.flatMap((each) => (Array.isArray(each.enum) ? each.enum.map((word) => (word === null ? "null" : typeof word)) : (text(each.type) ?? []))))];
    return {
      description: first((each) => text(each.description)) ?? "",
      types,
      words: types.includes("boolean") && !words.includes(true) ? [...words, true, false] : words,
      fallback: schema.default,
      minimum: first((each) => number(each.minimum)),
      maximum: first((each) => number(each.maximum)),
      pattern: first((each) => text(each.pattern)),
      deprecated: schema.deprecated === true,
      secret: all.some((each) => each.writeOnly === true),
      keys: all.flatMap((each) => (isRecord(each.properties) ? Object.keys(each.properties) : [])),
      required: all.flatMap((each) => list(each.required).filter((key): key is string => typeof key === "string")),
    };
  }
}

/** `integer, 0 to 10` */
export function typeText(facts: Facts, to: string): string {
  // That a key may be left out goes without saying.
  const types = (facts.types.length > 1 ? facts.types.filter((type) => type !== "null") : facts.types).join(" | ");
  const { minimum, maximum } = facts;
  if (minimum !== undefined && maximum !== undefined) return `${types}, ${minimum} ${to} ${maximum}`;
  if (minimum !== undefined) return `${types} ≥ ${minimum}`;
  if (maximum !== undefined) return `${types} ≤ ${maximum}`;
  return types;
}

/** As people write it in the file; nothing for what has more inside. */
export function defaultText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value === "" ? '""' : value;
  const json = JSON.stringify(value);
  return json.length > 60 ? undefined : json;
}

export type ReferenceRow = { path: string; depth: number; facts: Facts };

/** Every key, in the order of the schema; `[]` stands for each item of a list, `*` for a name of one's own. */
export function referenceOf(book: SchemaBook): ReferenceRow[] {
  const rows: ReferenceRow[] = [];
  const walk = (path: Path, shown: string, depth: number): void => {
    const facts = book.at(path);
    if (facts === null || depth > 6) return;
    for (const key of facts.keys) {
      const inner = book.at([...path, key]);
      if (inner === null) continue;
      const name = shown === "" ? key : `${shown}.${key}`;
      rows.push({ path: name, depth, facts: inner });
      const item = inner.types.includes("array") ? book.at([...path, key, 0]) : null;
      const value = inner.types.includes("object") && inner.keys.length === 0 ? book.at([...path, key, "*"]) : null;
      if (inner.keys.length > 0) walk([...path, key], name, depth + 1);
      else if (item !== null && item.keys.length > 0) walk([...path, key, 0], `${name}[]`, depth + 1);
      else if (value !== null && value.keys.length > 0) walk([...path, key, "*"], `${name}.*`, depth + 1);
    }
  };
  walk([], "", 0);
  return rows;
}
