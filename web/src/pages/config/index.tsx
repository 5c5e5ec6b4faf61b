import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { addTexts } from "../../i18n";
import en from "../../i18n/en/config";
import { Tabs } from "../../ui/Tabs";
import { EditTab } from "./EditTab";
import { EffectiveTab } from "./EffectiveTab";
import { SchemaTab } from "./SchemaTab";
import type { TABS } from "./search";
import { useSetSearch } from "./useSetSearch";

addTexts("config", en);

type TabName = "edit" | (typeof TABS)[number];

export function Page() {
  const { t } = useTranslation("config");
  const { tab = "edit" } = useSearch({ strict: false });
  const set = useSetSearch();
  const choose = (next: TabName) => set({ tab: next === "edit" ? undefined : next, at: undefined, line: undefined, q: undefined, source: undefined }, false);
  return (
    <Tabs<TabName>
      label={t("tabs.label")}
      value={tab as TabName}
      onChange={choose}
      tabs={[
        { value: "edit", label: t("tabs.edit"), content: <EditTab /> },
        { value: "effective", label: t("tabs.effective"), content: <EffectiveTab /> },
        { value: "schema", label: t("tabs.schema"), content: <SchemaTab /> },
      ]}
    />
  );
}
