import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/requests";
import { Placeholder } from "../../ui/Placeholder";

addTexts("requests", en);

export function Page() {
  const { t } = useTranslation("requests");
  return <Placeholder parts={[t("parts.1"), t("parts.2"), t("parts.3"), t("parts.4")]} />;
}
