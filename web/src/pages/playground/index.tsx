import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/playground";
import { Placeholder } from "../../ui/Placeholder";

addTexts("playground", en);

export function Page() {
  const { t } = useTranslation("playground");
  return <Placeholder parts={[t("parts.1"), t("parts.2"), t("parts.3")]} />;
}
