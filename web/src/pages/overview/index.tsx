import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/overview";
import { Placeholder } from "../../ui/Placeholder";

addTexts("overview", en);

export function Page() {
  const { t } = useTranslation("overview");
  return <Placeholder parts={[t("parts.1"), t("parts.2"), t("parts.3"), t("parts.4"), t("parts.5")]} />;
}
