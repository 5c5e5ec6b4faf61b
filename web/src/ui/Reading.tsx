import { useTranslation } from "react-i18next";

import { addTexts } from "../i18n";
import en from "../i18n/en/request";
import { laidOut, type Reading as Answer } from "../lib/answer";
import { Banner } from "./Banner";
import { CodeBlock } from "./CodeBlock";
import styles from "./Reading.module.css";

addTexts("request", en);

/** An answer as a reader sees it: as text, whatever is in it. */
export function Reading({ answer, empty }: { answer: Answer; empty?: string | undefined }) {
  const { t } = useTranslation("request");
  return (
    <div className={styles.reading}>
      {answer.error !== null && <Banner tone="bad" inline>{answer.error}</Banner>}
      {answer.reasoning !== "" && (
        <details className={styles.reasoning} open>
          <summary>{t("response.reasoning")}</summary>
          <p className={styles.text}>{answer.reasoning}</p>
        </details>
      )}
      {answer.text !== "" && <p className={styles.text}>{answer.text}</p>}
      {answer.calls.map((call, at) => (
        <section key={at} className={styles.call} aria-label={call.name}>
          <h4>
            <code>{call.name}</code>
            {call.id !== "" && <span className={styles.id}>{t("response.callId", { id: call.id })}</span>}
          </h4>
          <CodeBlock wrap label={t("response.arguments", { name: call.name })}>
            {laidOut(call.arguments)}
          </CodeBlock>
        </section>
      ))}
      {answer.text === "" && answer.calls.length === 0 && answer.error === null && <p className={styles.empty}>{empty ?? t("response.noText")}</p>}
    </div>
  );
}
