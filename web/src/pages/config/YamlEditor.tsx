/** The editor of the configuration file; with CodeMirror in a chunk of its own. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, codeFolding, foldAll, foldGutter, foldKeymap, indentOnInput, unfoldAll } from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, MatchDecorator, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import styles from "./config.module.css";
import { look, phrases } from "./editorLook";
import { completions, hovers } from "./hints";
import type { SchemaBook } from "./schema";

export type EditorHandle = {
  /** Shows a line and puts the cursor there. */
  goTo: (line: number, focus?: boolean) => void;
  search: () => void;
  fold: (all: boolean) => void;
};

export type YamlEditorProps = {
  value: string;
  onChange: (value: string) => void;
  /** The line of the cursor, from 1. */
  onLine: (line: number) => void;
  readOnly?: boolean;
  book: SchemaBook | null;
  errors: readonly Schemas["Place"][];
  warnings: readonly Schemas["Place"][];
  /** Before anything is shown. */
  firstLine?: number | undefined;
  handle: Ref<EditorHandle>;
};

export default function YamlEditor(props: YamlEditorProps) {
  const { value, readOnly = false, book, errors, warnings, handle, firstLine } = props;
  const { t } = useTranslation("config");
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  const first = useRef({ value, firstLine });
  const parts = useRef({ hints: new Compartment(), readOnly: new Compartment() });
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const listen = EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current.onChange(update.state.doc.toString());
      if (update.docChanged || update.selectionSet) latest.current.onLine(lineOfCursor(update.state));
    });
    const { hints, readOnly: lock } = parts.current;
    const label = EditorView.contentAttributes.of({ "aria-label": t("editor.label"), spellcheck: "false", tabindex: "0" });
    const made = new EditorView({
      parent,
      state: EditorState.create({ doc: first.current.value, extensions: [basics, look(), phrases(t), label, listen, hints.of([]), lock.of([])] }),
    });
    view.current = made;
    if (first.current.firstLine !== undefined) show(made, first.current.firstLine);
    return () => {
      made.destroy();
      view.current = null;
    };
  }, [t]);

  useEffect(() => {
    const hints = book === null ? [] : [autocompletion({ override: [completions(book)], icons: false }), hovers(book, t)];
    view.current?.dispatch({ effects: parts.current.hints.reconfigure(hints) });
  }, [book, t]);
  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.readOnly.reconfigure(EditorState.readOnly.of(readOnly)) });
  }, [readOnly]);
  useEffect(() => {
    const made = view.current;
    if (made === null || made.state.doc.toString() === value) return;
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    const made = view.current;
    if (made === null) return;
    const marks = [...errors.map((each) => mark(made.state, each, "error")), ...warnings.map((each) => mark(made.state, each, "warning"))];
    made.dispatch(setDiagnostics(made.state, marks.flat()));
  }, [errors, warnings]);

  useImperativeHandle(handle, () => ({
    goTo: (line, focus = true) => {
      if (view.current === null) return;
      show(view.current, line);
      if (focus) view.current.focus();
    },
    search: () => view.current !== null && openSearchPanel(view.current),
    fold: (all) => view.current !== null && (all ? foldAll : unfoldAll)(view.current),
  }));
  return <div ref={place} className={styles.code} />;
}

function lineOfCursor(state: EditorState): number {
  return state.doc.lineAt(state.selection.main.head).number;
}

function show(view: EditorView, line: number): void {
  const { from } = view.state.doc.line(Math.max(1, Math.min(line, view.state.doc.lines)));
  view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
}

/** A problem where it is; nothing for one that has no line. */
function mark(state: EditorState, { line, column, path, message }: Schemas["Place"], severity: "error" | "warning"): Diagnostic[] {
  if (typeof line !== "number" || line > state.doc.lines) return [];
  const at = state.doc.line(line);
  const from = Math.min(at.from + Math.max(0, (column ?? 1) - 1), at.to);
  const blank = at.text.slice(from - at.from).trim() === "";
  const start = blank ? at.from + Math.max(0, at.text.search(/\S/)) : from;
  return [{ from: start, to: at.to, severity, message: path === "" ? message : `${path}: ${message}` }];
}

const dots = new MatchDecorator({ regexp: /••••/g, decoration: Decoration.mark({ class: "cm-secret" }) });
const secrets = ViewPlugin.define((view) => ({ marks: dots.createDeco(view), update(update: ViewUpdate) { this.marks = dots.updateDeco(update, this.marks); } }), { decorations: (plugin) => plugin.marks });

// Tab is left to the focus; Ctrl ] and Ctrl [ indent.
const basics: Extension = [
  lineNumbers(),
  lintGutter(),
  foldGutter(),
  codeFolding(),
  history(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  search(),
  yaml(),
  secrets,
  EditorView.lineWrapping,
  keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap]),
];
