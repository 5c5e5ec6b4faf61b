import { useTranslation } from "react-i18next";

import { BothSides } from "../../ui/BothSides";
import { type Conflict as Both, type Draft, type Part, useDraft, valueOf } from "./draft";

/** Somebody has changed the same rules meanwhile. */
export function Conflict({ conflicts }: { conflicts: readonly Both[] }) {
  const { t } = useTranslation("routing");
  const decide = useDraft((state) => state.decide);
  const words = useWords();
  const rows = conflicts.map(({ name, part, before, theirs, mine }) => ({
    name,
    label: words.name(part),
    before: words.value(before, part),
    theirs: words.value(theirs, part),
    mine: words.value(mine, part),
  }));
  return <BothSides note={t("both.why")} rows={rows} onGo={decide} />;
}

/** What a part is called, and what is in it, one rule a line. */
function useWords() {
  const { t } = useTranslation("routing");
  return {
    name: (part: Part): string => {
      if (part.group === "retry") return t(`retry.${part.key}`);
      if (part.group === "payload") return t(`payload.kind.${part.key}`);
      return part.group === "forcePrefix" ? t("strategy.prefix") : t(`${part.group}.title`);
    },
    value: (draft: Draft, part: Part): string => {
      const value = valueOf(draft, part);
      if (typeof value === "boolean") return t(value ? "both.on" : "both.off");
      return typeof value === "string" ? value : value.map((row) => ("pattern" in row ? t("both.rule", { pattern: row.pattern, to: row.to }) : JSON.stringify({ models: row.models, params: row.params }))).join("\n");
    },
  };
}
