import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/metrics";
import { Placeholder } from "../../ui/Placeholder";

addTexts("metrics", en);

export function Page() {
  const { t } = useTranslation("metrics");
  return <Placeholder parts={[t("parts.1"), t("parts.2"), t("parts.3")]} />;
}
