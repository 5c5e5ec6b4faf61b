import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { type Conflict as Both, type Draft, type Part, useDraft, valueOf } from "./draft";
import styles from "./routing.module.css";

/** Somebody has changed the same rules meanwhile: both are shown, and one chooses part by part. */
export function Conflict({ conflicts }: { conflicts: readonly Both[] }) {
  const { t } = useTranslation("routing");
  const id = useId();
  const decide = useDraft((state) => state.decide);
  const [theirs, setTheirs] = useState<ReadonlySet<string>>(new Set());
  const words = useWords();
  const choose = (name: string, other: boolean) =>
    setTheirs((before) => new Set(other ? [...before, name] : [...before].filter((each) => each !== name)));
  return (
    <div className={styles.stack} role="alert">
      <Banner tone="warn" inline>
        {t("both.why")}
      </Banner>
      <div className={styles.both}>
        <table>
          <caption className="sr-only">{t("both.caption")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("both.part")}</th>
              <th scope="col">{t("both.before")}</th>
              <th scope="col">{t("both.theirs")}</th>
              <th scope="col">{t("both.mine")}</th>
            </tr>
          </thead>
          <tbody>
            {conflicts.map(({ name, part, before, theirs: other, mine }) => (
              <tr key={name}>
                <th scope="row">{words.name(part)}</th>
                <td>{words.value(before, part)}</td>
                {([[other, true], [mine, false]] as const).map(([draft, isTheirs]) => (
                  <td key={String(isTheirs)}>
                    <label>
                      <input type="radio" name={`${id} ${name}`} checked={theirs.has(name) === isTheirs} onChange={() => choose(name, isTheirs)} />
                      <span>{words.value(draft, part)}</span>
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div>
        <Button kind="primary" onClick={() => decide(theirs)}>
          {t("both.go")}
        </Button>
      </div>
    </div>
  );
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
      const text = typeof value === "string" ? value : value.map((row) => ("pattern" in row ? t("both.rule", { pattern: row.pattern, to: row.to }) : JSON.stringify({ models: row.models, params: row.params }))).join("\n");
      return text === "" ? t("both.nothing") : text;
    },
  };
}
