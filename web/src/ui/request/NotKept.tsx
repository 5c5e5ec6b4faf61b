import { Link } from "@tanstack/react-router";
import { EyeOff } from "lucide-react";
import { useTranslation } from "react-i18next";

import { buttonClass } from "../Button";
import { EmptyState } from "../EmptyState";

/** In place of bodies that were not recorded: why, and where that is set. */
export function NotKept({ hint }: { hint: string | null }) {
  const { t } = useTranslation("request");
  return (
    <EmptyState
      icon={EyeOff}
      title={t("notKept")}
      actions={
        <Link to="/config" className={buttonClass("secondary")}>
          {t("notKeptAction")}
        </Link>
      }
    >
      {hint === null ? null : `${hint.charAt(0).toUpperCase()}${hint.slice(1)}.`}
    </EmptyState>
  );
}
