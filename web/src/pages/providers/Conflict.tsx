import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { differences, merged, type ProviderForm } from "./form";
import fields from "./fields.module.css";
import styles from "./panel.module.css";

export type ConflictProps = {
  before: ProviderForm;
  theirs: ProviderForm;
  mine: ProviderForm;
  onChoose: (form: ProviderForm) => void;
};

/** Somebody has changed the file meanwhile: both are shown, and one chooses field by field. */
export function Conflict({ before, theirs, mine, onChoose }: ConflictProps) {
  const { t } = useTranslation("providers");
  const name = useId();
  const rows = differences(before, theirs, mine);
  // What one has changed oneself one will want, most of the time.
  const [keep, setKeep] = useState<ReadonlySet<keyof ProviderForm>>(() => new Set(rows.filter((row) => row.mine !== row.before).map((row) => row.field)));
  const choose = (field: keyof ProviderForm, own: boolean) =>
    setKeep((chosen) => {
      const next = new Set(chosen);
      if (own) next.add(field);
      else next.delete(field);
      return next;
    });
  return (
    <div className={styles.stack} role="alert">
      <Banner tone="warn" inline>
        {rows.length === 0 ? t("conflict.elsewhere") : t("conflict.here")}
      </Banner>
      {rows.length > 0 && (
        <table className={fields.choice}>
          <caption className="sr-only">{t("conflict.caption")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("conflict.field")}</th>
              <th scope="col">{t("conflict.before")}</th>
              <th scope="col">{t("conflict.theirs")}</th>
              <th scope="col">{t("conflict.mine")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.field}>
                <th scope="row">{t(`conflict.name.${row.field}`)}</th>
                <td>{row.before || t("conflict.empty")}</td>
                {([["theirs", false], ["mine", true]] as const).map(([side, own]) => (
                  <td key={side}>
                    <label>
                      <input type="radio" name={`${name} ${row.field}`} checked={keep.has(row.field) === own} onChange={() => choose(row.field, own)} />
                      {row[side] || t("conflict.empty")}
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div>
        <Button kind="primary" onClick={() => onChoose(merged(before, theirs, mine, keep))}>
          {t("conflict.go")}
        </Button>
      </div>
    </div>
  );
}
