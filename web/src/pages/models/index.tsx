import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/models";
import { Placeholder } from "../../ui/Placeholder";

addTexts("models", en);

export function Page() {
  const { t } = useTranslation("models");
  return <Placeholder parts={[t("parts.1"), t("parts.2")]} />;
}
