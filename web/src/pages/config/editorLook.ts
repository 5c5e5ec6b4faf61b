/** How the editor looks: the roles of `tokens.css`, in both themes. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { TFunction } from "i18next";

import { cspNonce } from "../../lib/nonce";

const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--panel)", color: "var(--fg)", fontSize: "var(--text-code)" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--fg)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--fg)" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "transparent", boxShadow: "inset 0 0 0 999px color-mix(in srgb, var(--hover) 55%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "var(--hover)", color: "var(--fg)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { backgroundColor: "var(--accent-soft)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "1px solid var(--line)", color: "var(--muted)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selected)", outline: "1px solid var(--line-strong)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-soft)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--fg)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "8px 32px 8px 8px" },
  ".cm-panel.cm-search label": { fontSize: "var(--text-small)" },
  ".cm-textfield": { backgroundColor: "var(--panel)", border: "1px solid var(--line-strong)", borderRadius: "4px", minHeight: "26px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--panel)", border: "1px solid var(--line-strong)", borderRadius: "4px", minHeight: "26px" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--fg)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)", maxWidth: "440px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--fg)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-tooltip.cm-completionInfo, .cm-hint": { padding: "8px 12px", fontFamily: "var(--sans)", fontSize: "var(--text-table)", lineHeight: "1.45" },
  ".cm-hint code": { fontWeight: "600" },
  ".cm-hint p": { margin: "4px 0 0" },
  ".cm-hint .cm-hint-type": { color: "var(--muted)" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", fontSize: "var(--text-table)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px", backgroundColor: "var(--bad-soft)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)", textUnderlineOffset: "3px" },
  ".cm-lint-marker": { width: "10px", height: "10px", content: "none", borderRadius: "50%", marginTop: "4px" },
  ".cm-lint-marker-error": { backgroundColor: "var(--bad)" },
  ".cm-lint-marker-warning": { backgroundColor: "var(--warn)", borderRadius: "2px" },
  ".cm-secret": { color: "var(--muted)", backgroundColor: "var(--sunken)", borderRadius: "3px" },
  // Of the comparison:
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "var(--ok-soft)", textDecoration: "none" },
  ".cm-deletedChunk": { backgroundColor: "var(--bad-soft)" },
  ".cm-deletedChunk .cm-deletedText": { background: "none", textDecoration: "line-through var(--bad)" },
  ".cm-changedText": { background: "none !important", borderBottom: "1px solid var(--ok)" },
  ".cm-changeGutter": { width: "3px", paddingLeft: "1px" },
  ".cm-changedLineGutter": { background: "var(--ok)" },
  ".cm-deletedLineGutter": { background: "var(--bad)" },
  ".cm-collapsedLines": { background: "var(--sunken)", color: "var(--muted)", padding: "2px 8px", borderBlock: "1px solid var(--line)" },
  // Its own sign is in few fonts.
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"…" !important' },
  ".cm-deletedLine, .cm-deletedLine del, .cm-changedLine ins, .cm-insertedLine ins, ins.cm-insertedLine": { textDecoration: "none" },
});

const highlight = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: "var(--accent)" },
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--series-3)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--series-2)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: "var(--muted)" },
  { tag: [tags.meta, tags.typeName, tags.labelName], color: "var(--series-6)" },
]);

/** What every view of YAML has: colours, and the nonce without which its styles would be stopped. */
export function look(): Extension {
  return [EditorView.cspNonce.of(cspNonce()), theme, syntaxHighlighting(highlight), EditorState.tabSize.of(2)];
}

const PHRASES = [
  "Find", "Replace", "next", "previous", "all", "match case", "regexp", "by word", "replace", "replace all", "close",
  "current match", "replaced $ matches", "replaced match on line $", "on line", "Go to line", "go", "Folded lines", "Unfolded lines", "to",
  "folded code", "unfold", "Fold line", "Unfold line", "Completions", "Diagnostics", "No diagnostics", "Control character", "$ unchanged lines",
] as const;

/** The words of CodeMirror itself, out of the catalogue. */
export function phrases(t: TFunction<"config">): Extension {
  return EditorState.phrases.of(Object.fromEntries(PHRASES.map((phrase) => [phrase, t(`editor.phrases.${phrase}`)])));
}
