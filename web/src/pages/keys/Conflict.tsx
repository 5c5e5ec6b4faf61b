import { useTranslation } from "react-i18next";

import { withTheirs } from "../../lib/withTheirs";
import { BothSides } from "../../ui/BothSides";
import { contested, type KeyForm } from "./form";

export type ConflictProps = { before: KeyForm; theirs: KeyForm; mine: KeyForm; onChoose: (form: KeyForm) => void };

/** Somebody has changed the file while this key was edited. */
export function Conflict({ before, theirs, mine, onChoose }: ConflictProps) {
  const { t } = useTranslation("keys");
  const shown = (value: string) => value.split("\n").join(", ");
  const rows = contested(before, theirs).map((name) => ({
    name,
    label: t(`conflict.name.${name}`),
    before: shown(before[name]),
    theirs: shown(theirs[name]),
    mine: shown(mine[name]),
  }));
  return (
    <BothSides
      note={rows.length === 0 ? t("conflict.elsewhere") : t("conflict.here")}
      rows={rows}
      onGo={(others) => onChoose(withTheirs(mine, theirs, others))}
    />
  );
}
