import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { AnswerReader, isWireFormat, type Reading as Answer } from "../../lib/answer";
import { JsonTree } from "../JsonTree";
import { Reading } from "../Reading";
import { Status, statusTone } from "../Status";
import { Tabs } from "../Tabs";
import { BodyView } from "./BodyView";
import type { CaptureView, Captured, Entry } from "./data";
import styles from "./request.module.css";

function read(format: string | null, captured: Captured): Answer | null {
  return isWireFormat(format) ? new AnswerReader(format).whole(captured.body).reading : null;
}

/** The answer as a reader sees it, and as it went over both wires. */
export function Response({ entry, capture }: { entry: Entry; capture: CaptureView }) {
  const { t } = useTranslation("request");
  const [view, setView] = useState("decoded");
  const last = capture.attempts.at(-1);
  const answer = useMemo(() => read(capture.format, capture.answer), [capture]);
  const before = useMemo(() => (last === undefined ? null : read(last.format, last.answer)), [last]);
  const finish = answer?.finish ?? null;
  const earlier = before?.finish ?? null;
  return (
    <Tabs
      label={t("tabs.response")}
      value={view}
      onChange={setView}
      tabs={[
        {
          value: "decoded",
          label: t("response.decoded"),
          content: (
            <div className={styles.tab}>
              {answer !== null && <Reading answer={answer} />}
              <dl className={styles.facts}>
                <div className={styles.fact}>
                  <dt>{t("status")}</dt>
                  <dd>
                    <Status tone={statusTone(capture.status ?? entry.status)}>{capture.status ?? entry.status}</Status>
                  </dd>
                </div>
                {finish !== null && (
                  <div className={styles.fact}>
                    <dt>{t("response.finish")}</dt>
                    <dd>
                      <code>{earlier === null || earlier === finish ? finish : t("response.finishOf", { raw: earlier, translated: finish })}</code>
                    </dd>
                  </div>
                )}
              </dl>
              {answer?.usage != null && (
                <section className={styles.part} aria-label={t("response.usage")}>
                  <h3>{t("response.usage")}</h3>
                  <JsonTree value={answer.usage} open={2} label={t("response.usage")} />
                </section>
              )}
            </div>
          ),
        },
        { value: "client", label: t("response.rawClient"), content: <BodyView captured={capture.answer} label={t("response.rawClient")} /> },
        ...capture.attempts.map((attempt) => ({
          value: `upstream-${attempt.attempt}`,
          label: t("response.rawUpstream", { number: attempt.attempt }),
          content: <BodyView captured={attempt.answer} label={t("response.rawUpstream", { number: attempt.attempt })} />,
        })),
      ]}
    />
  );
}
