import { Link } from "@tanstack/react-router";
import { Send, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { duration } from "../../lib/format";
import { Button, buttonClass } from "../../ui/Button";
import { Status } from "../../ui/Status";
import styles from "./overview.module.css";
import { type Progress, sendTest, TestFailed } from "./testRequest";

type Outcome =
  | { state: "idle" }
  | { state: "sending"; progress: Progress | null }
  | { state: "done"; progress: Progress }
  | { state: "stopped"; ms: number }
  | { state: "failed"; message: string; requestId: string | null };

/** Sends a request to echo and shows in place what comes of it. */
export function TestRequest({ onSent }: { onSent: () => void }) {
  const { t } = useTranslation("overview");
  const [outcome, setOutcome] = useState<Outcome>({ state: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const send = () => {
    const controller = new AbortController();
    const began = performance.now();
    running.current = controller;
    setOutcome({ state: "sending", progress: null });
    sendTest({ signal: controller.signal, onProgress: (progress) => setOutcome({ state: "sending", progress }) })
      .then(
        (progress) => setOutcome({ state: "done", progress }),
        (error: unknown) => {
          if (controller.signal.aborted) setOutcome({ state: "stopped", ms: performance.now() - began });
          else setOutcome({ state: "failed", message: error instanceof Error ? error.message : String(error), requestId: error instanceof TestFailed ? error.requestId : null });
        },
      )
      .finally(onSent);
  };

  const sending = outcome.state === "sending";
  return (
    <div className={styles.test}>
      <div className={styles.testActions}>
        <Button kind="primary" icon={Send} busy={sending} onClick={send}>
          {sending ? t("first.sending") : outcome.state === "idle" ? t("first.test") : t("first.again")}
        </Button>
        {sending && (
          <Button icon={Square} onClick={() => running.current?.abort()}>
            {t("first.stop")}
          </Button>
        )}
      </div>
      {outcome.state === "idle" && <p className={styles.note}>{t("first.testNote")}</p>}
      <Result outcome={outcome} />
    </div>
  );
}

function Result({ outcome }: { outcome: Outcome }) {
  const { t } = useTranslation("overview");
  const progress = outcome.state === "sending" || outcome.state === "done" ? outcome.progress : null;
  const id = outcome.state === "done" ? outcome.progress.requestId : outcome.state === "failed" ? outcome.requestId : null;
  return (
    <div className={styles.result}>
      {progress !== null && (
        <blockquote className={styles.answer} aria-label={t("first.answer")}>
          {progress.text === "" ? t("first.noAnswer") : progress.text}
        </blockquote>
      )}
      <div role="status" className={styles.resultLine}>
        {outcome.state === "done" && (
          <Status tone="ok">
            {t("first.succeeded", { status: outcome.progress.status, first: duration(outcome.progress.first), total: duration(outcome.progress.total) })}
          </Status>
        )}
        {outcome.state === "stopped" && <Status tone="off">{t("first.stopped", { total: duration(outcome.ms) })}</Status>}
        {outcome.state === "failed" && <Status tone="bad">{t("first.failed", { message: outcome.message })}</Status>}
      </div>
      {id !== null && (
        <Link to="/requests/$id" params={{ id }} className={buttonClass("secondary", true)}>
          {t("first.open")}
        </Link>
      )}
    </div>
  );
}
