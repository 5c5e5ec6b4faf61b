import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/logs";
import { Placeholder } from "../../ui/Placeholder";

addTexts("logs", en);

export function Page() {
  const { t } = useTranslation("logs");
  return <Placeholder parts={[t("parts.1")]} />;
}
