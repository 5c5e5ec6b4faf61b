import { useTranslation } from "react-i18next";

import { Card } from "./Card";

/** What stands in for a page until it is written. */
export function Placeholder({ parts }: { parts: string[] }) {
  const { t } = useTranslation("shell");
  return (
    <Card>
      <p>{t("placeholder")}</p>
      <ul>
        {parts.map((part) => (
          <li key={part}>{part}</li>
        ))}
      </ul>
    </Card>
  );
}
