import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/CodeBlock";
import { CopyButton } from "../../ui/CopyButton";
import { Modal } from "../../ui/Dialog";
import { TextArea } from "../../ui/Field";
import { Tabs } from "../../ui/Tabs";
import styles from "./keys.module.css";
import { type Snippet, snippets } from "./snippets";

/** The new key, this once. It closes when one says that it is saved; anything else asks first. */
export function ShownOnce({ made, onClose }: { made: Schemas["AuthKeyMade"]; onClose: () => void }) {
  const { t } = useTranslation("keys");
  const [asked, setAsked] = useState(false);
  const [client, setClient] = useState<Snippet["id"]>("openai");
  return (
    <Modal
      title={t("once.title", { name: made.name })}
      width={800}
      onClose={() => setAsked(true)}
      actions={
        <Button kind="primary" onClick={onClose}>
          {t("once.saved")}
        </Button>
      }
    >
      <div className={styles.stack}>
        <Banner tone={asked ? "bad" : "warn"} inline>
          <span role={asked ? "alert" : undefined}>{asked ? t("once.asked") : t("once.why")}</span>
        </Banner>
        <div className={styles.secret}>
          <TextArea readOnly code rows={1} aria-label={t("once.key")} value={made.key} className={styles.secretText} onFocus={(event) => event.target.select()} />
          <CopyButton text={made.key} label={t("once.copy")} kind="primary" />
        </div>
        <div>
          <h3 className={styles.heading}>{t("once.clients")}</h3>
          <Tabs
            label={t("once.clients")}
            value={client}
            onChange={setClient}
            tabs={snippets(location.origin, made.key).map(({ id, text }) => ({
              value: id,
              label: t(`client.${id}`),
              content: (
                <CodeBlock wrap label={t("once.settings", { client: t(`client.${id}`) })}>
                  {text}
                </CodeBlock>
              ),
            }))}
          />
        </div>
      </div>
    </Modal>
  );
}
