import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { Banner } from "./Banner";
import styles from "./BothSides.module.css";
import { Button } from "./Button";

/** One thing that somebody else has changed: as it was, as it is there now, and as it is here. */
export type Contested<N extends string> = { name: N; label: string; before: string; theirs: string; mine: string };

export type BothSidesProps<N extends string> = {
  /** What has happened. */
  note: string;
  rows: readonly Contested<N>[];
  /** `theirs` names what is to be as the others have it. */
  onGo: (theirs: ReadonlySet<N>) => void;
};

/** Somebody has changed the same meanwhile: both are shown, and one chooses thing by thing. */
export function BothSides<N extends string>({ note, rows, onGo }: BothSidesProps<N>) {
  const { t } = useTranslation("ui");
  const id = useId();
  // What one has changed oneself one will want, most of the time.
  const [theirs, setTheirs] = useState<ReadonlySet<N>>(() => new Set(rows.filter((row) => row.mine === row.before).map((row) => row.name)));
  const choose = (name: N, other: boolean) => setTheirs((chosen) => new Set(other ? [...chosen, name] : [...chosen].filter((each) => each !== name)));
  return (
    <div className={styles.all} role="alert">
      <Banner tone="warn" inline>
        {note}
      </Banner>
      {rows.length > 0 && (
        <div className={styles.scroller}>
          <table>
            <caption className="sr-only">{t("both.caption")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("both.what")}</th>
                <th scope="col">{t("both.before")}</th>
                <th scope="col">{t("both.theirs")}</th>
                <th scope="col">{t("both.mine")}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.name}>
                  <th scope="row">{row.label}</th>
                  <td>{row.before || t("both.empty")}</td>
                  {([["theirs", true], ["mine", false]] as const).map(([side, isTheirs]) => (
                    <td key={side}>
                      <label>
                        <input type="radio" name={`${id} ${row.name}`} checked={theirs.has(row.name) === isTheirs} onChange={() => choose(row.name, isTheirs)} />
                        <span>{row[side] || t("both.empty")}</span>
                      </label>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <div>
        <Button kind="primary" onClick={() => onGo(theirs)}>
          {t("both.go")}
        </Button>
      </div>
    </div>
  );
}
