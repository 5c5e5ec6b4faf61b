import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/routing";
import { NoConfigFile } from "../../ui/Change";
import { ErrorCard } from "../../ui/ErrorCard";
import { SkeletonRows } from "../../ui/Skeleton";
import { useHasFile } from "../../ui/useHasFile";
import { toast } from "../../ui/toasts";
import { usePreview, useRules } from "./data";
import { changeOf, type Rules, useDraft } from "./draft";
import { Conflict } from "./Conflict";
import { Explain } from "./Explain";
import { RuleSections } from "./RuleSections";
import { SaveBar } from "./SaveBar";
import styles from "./routing.module.css";

addTexts("routing", en);

/** Left the rules, right where a request goes by them. */
export function Page() {
  const { t } = useTranslation("routing");
  const rules = useRules();
  const { hasFile, waiting } = useHasFile();
  const { base, draft, conflicts } = useDraft();
  useFollow(rules.data);
  const change = base === null || draft === null ? null : changeOf(draft, base);
  const preview = usePreview(change, rules.data?.version ?? "");
  return (
    <div className={styles.page}>
      <div className={styles.rules}>
        {rules.error !== null && <ErrorCard error={rules.error} onRetry={() => void rules.refetch()} {...(rules.data !== undefined && { staleSince: rules.dataUpdatedAt })} />}
        {base === null || draft === null || waiting ? (
          rules.error === null && <SkeletonRows count={14} />
        ) : (
          <>
            {hasFile === false && <NoConfigFile />}
            <fieldset className={styles.plain} disabled={hasFile === false} aria-label={t("rules")}>
              <RuleSections draft={draft} error={change === null ? null : preview.error} />
            </fieldset>
            {conflicts.length > 0 ? <Conflict conflicts={conflicts} /> : change !== null && <SaveBar base={base} now={rules.data ?? base} change={change} preview={preview} />}
          </>
        )}
      </div>
      <Explain change={change} />
    </div>
  );
}

/** Takes new rules over; what is being edited stays on top of them. */
function useFollow(rules: Rules | undefined): void {
  const { t } = useTranslation("routing");
  useEffect(() => {
    if (rules === undefined) return;
    const { base, draft, start, rebase } = useDraft.getState();
    if (base === null || draft === null || changeOf(draft, base) === null) {
      if (base !== null && JSON.stringify({ ...base, version: "" }) !== JSON.stringify({ ...rules, version: "" })) toast("info", t("followed"));
      start(rules);
    } else if (base.version !== rules.version) {
      rebase(rules);
      toast("warn", t("rebased"));
    }
  }, [rules, t]);
}
