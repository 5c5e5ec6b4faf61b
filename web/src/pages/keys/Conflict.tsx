import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { contested, type KeyForm } from "./form";
import styles from "./keys.module.css";

export type ConflictProps = { before: KeyForm; theirs: KeyForm; mine: KeyForm; onChoose: (form: KeyForm) => void };

/** Somebody has changed the file meanwhile: both are shown, and one chooses field by field. */
export function Conflict({ before, theirs, mine, onChoose }: ConflictProps) {
  const { t } = useTranslation("keys");
  const name = useId();
  const fields = contested(before, theirs);
  // What one has changed oneself one will want, most of the time.
  const [own, setOwn] = useState<readonly (keyof KeyForm)[]>(() => fields.filter((field) => mine[field] !== before[field]));
  const chosen = (): KeyForm => ({ ...mine, ...Object.fromEntries(fields.filter((field) => !own.includes(field)).map((field) => [field, theirs[field]])) });
  const shown = (value: string) => (value === "" ? t("conflict.empty") : value.split("\n").join(", "));
  return (
    <div className={styles.stack} role="alert">
      <Banner tone="warn" inline>
        {fields.length === 0 ? t("conflict.elsewhere") : t("conflict.here")}
      </Banner>
      {fields.length > 0 && (
        <table className={styles.choice}>
          <caption className="sr-only">{t("conflict.caption")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("conflict.field")}</th>
              <th scope="col">{t("conflict.theirs")}</th>
              <th scope="col">{t("conflict.mine")}</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field}>
                <th scope="row">{t(`conflict.name.${field}`)}</th>
                <td>
                  <label>
                    <input type="radio" name={`${name} ${field}`} checked={!own.includes(field)} onChange={() => setOwn(own.filter((each) => each !== field))} />
                    {shown(theirs[field])}
                  </label>
                </td>
                <td>
                  <label>
                    <input type="radio" name={`${name} ${field}`} checked={own.includes(field)} onChange={() => setOwn([...own, field])} />
                    {shown(mine[field])}
                  </label>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div>
        <Button kind="primary" onClick={() => onChoose(chosen())}>
          {t("conflict.go")}
        </Button>
      </div>
    </div>
  );
}
