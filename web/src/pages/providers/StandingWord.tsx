import { useTranslation } from "react-i18next";

import { clock } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { Status } from "../../ui/Status";
import { causeWord, type Health, standingOf } from "./standing";

/** The state in a word, with a clock that runs down while it rests. */
export function StandingWord({ disabled, health }: { disabled: boolean; health: Health }) {
  const { t } = useTranslation("providers");
  const now = useNow(1000, health.until !== null && !disabled);
  const { word, tone, until, model } = standingOf(disabled, health, now);
  return (
    <Status tone={tone}>
      {t(`standing.${word}`)}
      {until !== null && <span>{clock((until - now) / 1000)}</span>}
      {model !== null && <span>{t("standing.oneModel")}</span>}
    </Status>
  );
}

/** The same in a sentence: since what, and what comes next. */
export function StandingSentence({ disabled, health }: { disabled: boolean; health: Health }) {
  const { t } = useTranslation("providers");
  const now = useNow(1000, health.until !== null && !disabled);
  const { word, until, cause, model } = standingOf(disabled, health, now);
  const what = model === null ? t("sentence.all") : t("sentence.model", { model });
  return (
    <>
      {t(`sentence.${word}`, { what, cause: cause === null ? t("sentence.noCause") : causeWord(t, cause), left: until === null ? "" : clock((until - now) / 1000) })}
    </>
  );
}
