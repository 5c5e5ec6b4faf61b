import { useTranslation } from "react-i18next";

import { withTheirs } from "../../lib/withTheirs";
import { BothSides } from "../../ui/BothSides";
import { differences, type ProviderForm } from "./form";

export type ConflictProps = {
  before: ProviderForm;
  theirs: ProviderForm;
  mine: ProviderForm;
  onChoose: (form: ProviderForm) => void;
};

/** Somebody has changed the file while this provider was edited. */
export function Conflict({ before, theirs, mine, onChoose }: ConflictProps) {
  const { t } = useTranslation("providers");
  const rows = differences(before, theirs, mine).map(({ field, ...sides }) => ({ ...sides, name: field, label: t(`conflict.name.${field}`) }));
  return (
    <BothSides
      note={rows.length === 0 ? t("conflict.elsewhere") : t("conflict.here")}
      rows={rows}
      onGo={(others) => onChoose(withTheirs(mine, theirs, others))}
    />
  );
}
