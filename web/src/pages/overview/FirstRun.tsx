import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { Card } from "../../ui/Card";
import { CodeBlock } from "../../ui/CodeBlock";
import { CopyButton } from "../../ui/CopyButton";
import { IconButton } from "../../ui/IconButton";
import { Tabs } from "../../ui/Tabs";
import { curlCommand } from "./clients";
import styles from "./overview.module.css";
import { type Client, CLIENTS } from "./search";
import { TestRequest } from "./TestRequest";

/** Before the first request: where clients are to be pointed, and one to try. */
export function FirstRun({ bases, keyNeeded, onSent, onClose }: { bases: Schemas["BaseUrls"]; keyNeeded: boolean; onSent: () => void; onClose: (() => void) | undefined }) {
  const { t } = useTranslation("overview");
  const navigate = useNavigate();
  const { client = "openai" } = useSearch({ from: "/shell/" });
  const choose = (next: Client) => {
    void navigate({ to: ".", search: (before: object) => ({ ...before, client: next === "openai" ? undefined : next }) } as never);
  };
  return (
    <Card title={t("first.title")} {...(onClose !== undefined && { actions: <IconButton icon={X} small label={t("first.done")} onClick={onClose} /> })}>
      <p className={styles.intro}>{t("first.intro")}</p>
      <div className={styles.first}>
        <Tabs<Client>
          label={t("first.clients")}
          value={client}
          onChange={choose}
          tabs={CLIENTS.map((each) => ({
            value: each,
            label: t(`first.client.${each}`),
            content: (
              <div className={styles.client}>
                <div className={styles.base}>
                  <span className={styles.baseName}>{t("first.base")}</span>
                  <code>{bases[each]}</code>
                  <CopyButton text={bases[each]} label={t("first.baseCopy")} iconOnly small />
                </div>
                <CodeBlock label={t("first.curl")}>{curlCommand(each, bases, keyNeeded)}</CodeBlock>
                <p className={styles.note}>
                  {keyNeeded ? (
                    <>
                      {t("first.keyNeeded")} <Link to="/keys" search={{ add: "1" }}>{t("first.keysLink")}</Link>
                    </>
                  ) : (
                    t("first.keyFree")
                  )}
                </p>
              </div>
            ),
          }))}
        />
        <TestRequest onSent={onSent} />
      </div>
    </Card>
  );
}
