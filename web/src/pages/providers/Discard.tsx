import { useTranslation } from "react-i18next";

import { Confirm } from "../../ui/Confirm";

/** Before a form with something in it is closed. */
export function Discard({ onDiscard, onClose }: { onDiscard: () => void; onClose: () => void }) {
  const { t } = useTranslation("providers");
  return (
    <Confirm title={t("discard.title")} action={t("discard.action")} danger onConfirm={onDiscard} onClose={onClose}>
      <p>{t("discard.text")}</p>
    </Confirm>
  );
}
