import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { count, duration, time } from "../../lib/format";
import { Status } from "../../ui/Status";
import styles from "./models.module.css";
import { matchWord, reasonWord, stepWord } from "./words";

/** How a name is resolved, step by step, and who would answer, in order. */
export function Resolution({ model, answer }: { model: string; answer: Schemas["RouteAnswer"] }) {
  const { t } = useTranslation("models");
  const candidates = answer.selected === null ? [] : [answer.selected, ...answer.alternates];
  // That a provider has nothing to do with the name is rarely what one wants to know.
  const telling = answer.rejections.filter((each) => each.reason !== "model_not_supported");
  const others = answer.rejections.filter((each) => each.reason === "model_not_supported");
  return (
    <>
      <ol className={styles.steps} aria-label={t("ask.steps")}>
        <li>{t("ask.start", { model })}</li>
        {distinct(answer.model_resolution).map((step) => (
          <li key={`${step.step} ${step.from} ${step.to}`}>
            {stepWord(t, step)} {<Line {...step} />}
          </li>
        ))}
        {answer.matched_rule !== null && <li>{t("ask.pin", { rule: answer.matched_rule })}</li>}
      </ol>
      <ol className={styles.candidates} aria-label={t("ask.order", { profile: answer.profile })}>
        {candidates.map((candidate, at) => (
          <Candidate key={`${candidate.credential_id} ${candidate.model} ${at}`} candidate={candidate} first={at === 0} />
        ))}
        <Rejections rejections={telling} />
      </ol>
      {others.length > 0 && (
        <details className={styles.fold}>
          <summary>{t("ask.others", { count: others.length })}</summary>
          <ul className={styles.candidates}>
            <Rejections rejections={others} />
          </ul>
        </details>
      )}
      <p className={styles.plan}>
        <span className={styles.planName}>{t("ask.plan")}</span>{" "}
        {answer.error === null ? answer.attempt_plan : <Status tone="bad">{t("ask.refused", { message: answer.error.message })}</Status>}
      </p>
      <Link to="/routing">{t("ask.compare")}</Link>
    </>
  );
}

/** Each provider with the alias has the step of its own; one line says it. */
function distinct(steps: readonly Schemas["ResolutionStep"][]): readonly Schemas["ResolutionStep"][] {
  return steps.filter((step, at) => steps.findIndex((each) => each.step === step.step && each.from === step.from && each.to === step.to) === at);
}

function Rejections({ rejections }: { rejections: readonly Schemas["RouteRejection"][] }) {
  const { t } = useTranslation("models");
  return rejections.map((rejection) => (
    <li key={`${rejection.candidate} ${rejection.model} ${rejection.reason}`} className={styles.candidate}>
      <Status tone="off">{t("ask.rejected")}</Status>
      <span className={styles.who}>{rejection.candidate}</span>
      <span className={styles.why}>{reasonWord(t, rejection)}</span>
      <Line {...rejection} />
    </li>
  ));
}

function Candidate({ candidate, first }: { candidate: Schemas["RouteCandidate"]; first: boolean }) {
  const { t } = useTranslation("models");
  const { score } = candidate;
  const facts = t("ask.facts", {
    weight: score.weight,
    priority: score.priority,
    latency: score.latency_ms === null ? t("ask.noLatency") : t("ask.latency", { latency: duration(score.latency_ms) }),
    inflight: count(score.inflight),
  });
  return (
    <li className={styles.candidate}>
      <Status tone={first ? "ok" : "info"}>{first ? t("ask.chosen") : t("ask.next")}</Status>
      <span className={styles.who}>
        {candidate.credential_name} <span className={styles.why}>{t("ask.asksFor")}</span> <code>{candidate.model}</code>
      </span>
      <span className={styles.why}>
        {matchWord(t, candidate.match)} · {facts}
        {score.standing === "resting" && ` · ${t("ask.resting", { time: time(score.until) })}`}
        {score.standing === "probe" && ` · ${t("ask.probe")}`}
      </span>
      <Line {...candidate} />
    </li>
  );
}

/** Where the configuration has it. */
function Line({ source, line }: { source: string; line: number | null }) {
  const { t } = useTranslation("models");
  if (line === null) return <span />;
  return (
    <Link to="/config" search={{ ...(source !== "" && { at: source }), line: String(line) }} className={styles.line}>
      {t("ask.line", { line })}
    </Link>
  );
}
