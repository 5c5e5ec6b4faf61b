import { FilePlus } from "lucide-react";
import { useTranslation } from "react-i18next";

import { CodeBlock } from "../../ui/CodeBlock";
import { EmptyState } from "../../ui/EmptyState";
import styles from "./config.module.css";

const MAKE = "aigw init";
const RUN = "aigw run -c config.yaml";

/** The gateway runs without a file: what is in force then, and how to have one. */
export function NoFile() {
  const { t } = useTranslation("config");
  return (
    <EmptyState icon={FilePlus} title={t("noFile.title")}>
      <p>{t("noFile.text")}</p>
      <ol className={styles.steps}>
        <li>
          {t("noFile.make")}
          <CodeBlock label={t("noFile.command")}>{MAKE}</CodeBlock>
        </li>
        <li>
          {t("noFile.run")}
          <CodeBlock label={t("noFile.command")}>{RUN}</CodeBlock>
        </li>
      </ol>
    </EmptyState>
  );
}
