/** What has changed between two texts of the configuration: one column, the rest folded away. */
import { yaml } from "@codemirror/lang-yaml";
import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import styles from "./config.module.css";
import { look, phrases } from "./editorLook";

export default function DiffView({ before, after }: { before: string; after: string }) {
  const { t } = useTranslation("config");
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = place.current;
    if (parent === null) return undefined;
    const view = new EditorView({
      parent,
      state: EditorState.create({
        doc: after,
        extensions: [
          lineNumbers(),
          yaml(),
          look(),
          phrases(t),
          EditorView.lineWrapping,
          EditorState.readOnly.of(true),
          EditorView.contentAttributes.of({ "aria-label": t("review.diff"), "aria-readonly": "true", tabindex: "0" }),
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 5 }, gutter: true }),
        ],
      }),
    });
    return () => view.destroy();
  }, [before, after, t]);
  return <div ref={place} className={styles.diff} />;
}
