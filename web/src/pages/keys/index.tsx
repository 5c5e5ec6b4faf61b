import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/keys";
import { Placeholder } from "../../ui/Placeholder";

addTexts("keys", en);

export function Page() {
  const { t } = useTranslation("keys");
  return <Placeholder parts={[t("parts.1"), t("parts.2")]} />;
}
