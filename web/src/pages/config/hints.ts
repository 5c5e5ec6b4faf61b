/** Completion and hover text of the editor, out of the JSON Schema. */
import type { Completion, CompletionContext, CompletionResult, CompletionSource } from "@codemirror/autocomplete";
import { type EditorView, hoverTooltip } from "@codemirror/view";
import type { TFunction } from "i18next";

import { defaultText, type Facts, type SchemaBook, typeText } from "./schema";
import { entriesOf, type Path, spotAt, written } from "./yamlPath";

export function completions(book: SchemaBook): CompletionSource {
  return (context: CompletionContext): CompletionResult | null => {
    const spot = spotAt(context.state.doc.toString(), context.pos);
    if (spot === null || (spot.word === "" && !context.explicit && spot.kind === "key")) return null;
    const facts = book.at(spot.path);
    if (facts === null) return null;
    const options = spot.kind === "key" && facts.keys.length > 0 ? keys(book, spot.path, facts, spot) : values(facts, spot.word);
    return options.length === 0 ? null : { from: context.pos - spot.word.length, options, validFor: /^[\w-]*$/ };
  };
}

function keys(book: SchemaBook, path: Path, facts: Facts, spot: { taken: readonly string[]; indent: number; inline: boolean }): Completion[] {
  return facts.keys.flatMap((key) => {
    const own = book.at([...path, key]);
    if (own === null || spot.taken.includes(key)) return [];
    return {
      label: key,
      type: "property",
      detail: own.types.join(" | "),
      apply: key + (spot.inline ? ": " : opening(own, spot.indent)),
      info: () => hint(own, null),
      boost: own.deprecated ? -50 : facts.required.includes(key) ? 50 : 0,
    };
  });
}

/** What follows a key that has more inside. */
function opening(facts: Facts, indent: number): string {
  const scalar = facts.types.some((type) => type !== "object" && type !== "array" && type !== "null");
  if (scalar) return ": ";
  const line = `:\n${" ".repeat(indent)}`;
  return facts.types.includes("array") ? `${line}- ` : facts.types.includes("object") ? line : ": ";
}

function values(facts: Facts, word: string): Completion[] {
  if (word.startsWith('"') || word.startsWith("'")) return [];
  const words: unknown[] = [...facts.words];
  if (facts.fallback !== undefined && typeof facts.fallback !== "object" && facts.fallback !== "" && !words.includes(facts.fallback)) words.push(facts.fallback);
  if (facts.types.includes("null")) words.push(null);
  return words.map((each) => ({ label: String(each), type: "constant", ...(each === facts.fallback && { detail: "default" }) }));
}

/** What is known of a key, as nodes; nothing in it is markup. */
function hint(facts: Facts, path: string | null, t?: TFunction<"config">): HTMLElement {
  const box = document.createElement("div");
  if (path !== null) {
    box.className = "cm-hint";
    box.append(Object.assign(document.createElement("code"), { textContent: path }));
  }
  const usual = defaultText(facts.fallback);
  const type = [typeText(facts, "…"), usual !== undefined && t !== undefined ? t("editor.default", { value: usual }) : undefined].filter(Boolean).join(" · ");
  box.append(Object.assign(document.createElement("p"), { textContent: type, className: "cm-hint-type" }));
  if (facts.description !== "") box.append(Object.assign(document.createElement("p"), { textContent: facts.description }));
  return box;
}

export function hovers(book: SchemaBook, t: TFunction<"config">) {
  return hoverTooltip((view: EditorView, position: number) => {
    const line = view.state.doc.lineAt(position);
    const column = position - line.from;
    const entry = entriesOf(view.state.doc.toString()).find((each) => each.line === line.number && typeof each.path.at(-1) === "string" && each.from <= column && column <= each.to);
    const facts = entry === undefined ? null : book.at(entry.path);
    if (entry === undefined || facts === null) return null;
    return { pos: line.from + entry.from, end: line.from + entry.to, above: true, create: () => ({ dom: hint(facts, written(entry.path), t) }) };
  });
}
