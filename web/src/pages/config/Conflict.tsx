import clsx from "clsx";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Modal } from "../../ui/Dialog";
import styles from "./config.module.css";
import { type Raw, useDraft } from "./draft";
import { type Chunk, merge3, merged, type Pick } from "./merge3";

const PICKS: readonly Pick[] = ["mine", "theirs", "mine-theirs"];

/** The file as it was, as somebody else has made it, and as it is in the editor; and one text of all. */
export function Conflict({ base, mine, disk, onClose }: { base: Raw; mine: string; disk: Raw; onClose: () => void }) {
  const { t } = useTranslation("config");
  const chunks = useMemo(() => merge3(base.content, mine, disk.content), [base, mine, disk]);
  const [picks, setPicks] = useState<Record<number, Pick>>({});
  const start = useDraft((draft) => draft.start);
  const open = chunks.filter((chunk, at) => chunk.kind === "both" && picks[at] === undefined).length;
  const take = (text: string) => {
    start(disk, text);
    onClose();
  };
  return (
    <Modal
      title={t("conflict.title", { file: base.file })}
      width={1180}
      onClose={onClose}
      actions={
        <>
          <CopyButton text={mine} label={t("conflict.copyMine")} />
          <Button onClick={() => take(disk.content)}>{t("conflict.takeTheirs")}</Button>
          <Button kind="primary" disabled={open > 0} onClick={() => take(merged(chunks, picks))}>
            {t("conflict.merge")}
          </Button>
        </>
      }
    >
      <p className={styles.muted}>{t("conflict.text")}</p>
      <p role="status" className={styles.conflictCount}>
        {t("conflict.open", { count: open })}
      </p>
      <div className={styles.threeHead} aria-hidden>
        <span>{t("conflict.base")}</span>
        <span>{t("conflict.theirs")}</span>
        <span>{t("conflict.mine")}</span>
      </div>
      {chunks.map((chunk, at) =>
        chunk.kind === "same" ? (
          <p key={at} className={styles.folded}>
            {t("conflict.same", { count: chunk.base.length })}
          </p>
        ) : (
          <Change key={at} number={at} chunk={chunk} pick={picks[at]} onPick={(pick) => setPicks({ ...picks, [at]: pick })} />
        ),
      )}
    </Modal>
  );
}

function Change({ number, chunk, pick, onPick }: { number: number; chunk: Chunk; pick: Pick | undefined; onPick: (pick: Pick) => void }) {
  const { t } = useTranslation("config");
  const sides = [
    ["base", chunk.base],
    ["theirs", chunk.theirs],
    ["mine", chunk.mine],
  ] as const;
  return (
    <fieldset className={styles.change}>
      <legend>{t(`conflict.kind.${chunk.kind}`)}</legend>
      <div className={styles.three}>
        {sides.map(([side, lines]) => (
          <div key={side} className={clsx(styles.side, side !== "base" && lines !== chunk.base && styles[side])}>
            <h4 className={styles.sideName}>{t(`conflict.${side}`)}</h4>
            {/* It scrolls, so the keyboard must reach it. */}
            {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
            <pre tabIndex={0}>{lines.length === 0 ? <em>{t("conflict.nothing")}</em> : lines.join("\n")}</pre>
          </div>
        ))}
      </div>
      {chunk.kind === "both" && (
        <div className={styles.picks}>
          {PICKS.map((each) => (
            <label key={each}>
              <input type="radio" name={`pick-${number}`} checked={pick === each} onChange={() => onPick(each)} /> {t(`conflict.pick.${each}`)}
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
