import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/requests";
import { Placeholder } from "../../ui/Placeholder";

addTexts("requests", en);

export function Page() {
  const { t } = useTranslation("requests");
  const { id } = useParams({ from: "/shell/requests/$id" });
  return <Placeholder parts={[t("parts.4"), id]} />;
}
