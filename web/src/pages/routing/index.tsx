import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/routing";
import { Placeholder } from "../../ui/Placeholder";

addTexts("routing", en);

export function Page() {
  const { t } = useTranslation("routing");
  return <Placeholder parts={[t("parts.1"), t("parts.2")]} />;
}
