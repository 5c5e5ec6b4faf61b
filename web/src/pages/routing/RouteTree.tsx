import clsx from "clsx";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { duration, time } from "../../lib/format";
import { Badge, Status, type Tone } from "../../ui/Status";
import { Banner } from "../../ui/Banner";
import { ConfigLink } from "./ConfigLink";
import type { Explanation } from "./data";
import styles from "./routing.module.css";

type Candidate = Schemas["RouteCandidate"];
type Props = {
  model: string;
  route: Explanation;
  title: string | undefined;
  /** What it is compared with. */
  before?: Explanation;
  /** A body was given, so that what becomes of it is known. */
  asked: boolean;
};

/** One way of a request: names, candidates in order, and who is none. */
export function RouteTree({ model, route, title, before, asked }: Props) {
  const { t } = useTranslation("routing");
  const candidates = route.selected === null ? [] : [route.selected, ...route.alternates];
  const wasAt = before === undefined ? undefined : (before.selected === null ? [] : [before.selected, ...before.alternates]).map(keyOf);
  // Each provider with an alias has the step of its own; one line says it.
  const steps = route.model_resolution.filter((step, at, all) => all.findIndex((each) => each.step === step.step && each.from === step.from && each.to === step.to) === at);
  const differs = wasAt !== undefined && JSON.stringify(wasAt) !== JSON.stringify(candidates.map(keyOf));
  return (
    <section className={styles.tree} aria-label={title ?? t("tree.label")}>
      {title !== undefined && (
        <h3 className={styles.treeTitle}>
          {title} {wasAt !== undefined && <Badge tone={differs ? "warn" : "ok"}>{t(differs ? "tree.differs" : "tree.same")}</Badge>}
        </h3>
      )}
      <p className={styles.asked}>
        <code>{model}</code>
        {route.matched_rule !== null && (
          <span className={styles.muted}>
            {t("tree.pinned")} <ConfigLink at={route.matched_rule} />
          </span>
        )}
      </p>
      {steps.length > 0 && (
        <ul className={styles.steps}>
          {steps.map((step) => (
            <li key={`${step.step} ${step.from} ${step.to}`}>
              <span className={styles.muted}>{t(`tree.step.${stepName(step.step)}`)}</span> <code>{step.from}</code> → <code>{step.to}</code> {step.source !== "" && <ConfigLink at={step.source} line={step.line} />}
            </li>
          ))}
        </ul>
      )}
      {route.error !== null && (
        <Banner tone="bad" inline>
          {route.error.message}
          {route.error.retry_after !== null && ` ${t("tree.retryAfter", { time: duration(route.error.retry_after * 1000) })}`}
        </Banner>
      )}
      <ol className={styles.branches}>
        {candidates.map((each, at) => (
          <Branch key={`${keyOf(each)} ${at}`} candidate={each} place={at + 1} profile={route.profile} moved={wasAt !== undefined && wasAt[at] !== keyOf(each)} />
        ))}
        {route.rejections.map((each, at) => (
          <li key={`x${at}`} className={styles.branch}>
            <span className={styles.place} aria-hidden>
              ✕
            </span>
            <code className={styles.name}>{each.candidate}</code>
            <Status tone={each.reason === "cooldown_active" ? "warn" : "off"}>
              {each.reason === "cooldown_active" && each.until !== null ? t("tree.restingUntil", { time: time(each.until), cause: each.cause ?? "" }) : t(`tree.reason.${reasonName(each.reason)}`)}
              {each.model !== "" && each.model !== model && <code className={styles.muted}>{each.model}</code>}
            </Status>
            {each.source !== "" && <ConfigLink at={each.source} line={each.line} />}
          </li>
        ))}
      </ol>
      <dl className={styles.outcome}>
        {route.error === null && (
          <>
            <dt>{t("tree.plan")}</dt>
            <dd>{route.attempt_plan}</dd>
          </>
        )}
        <dt>{t("tree.payload")}</dt>
        <dd>{!asked ? t("tree.noBody") : route.changes.length === 0 ? t("tree.noChanges") : route.changes.map((each) => <code key={`${each.cause} ${each.pointer}`} className={styles.effect}>{`${each.cause} ${each.pointer}`}</code>)}</dd>
        {route.warnings.length > 0 && (
          <>
            <dt>{t("tree.lost")}</dt>
            <dd>
              {route.warnings.map((each) => (
                <code key={each} className={styles.effect}>
                  {each}
                </code>
              ))}
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function keyOf(candidate: Candidate): string {
  return `${candidate.credential_name} ${candidate.model}`;
}

function Branch({ candidate, place, profile, moved }: { candidate: Candidate; place: number; profile: string; moved: boolean }) {
  const { t } = useTranslation("routing");
  const { score, source, line } = candidate;
  const resting = score.standing === "resting";
  const tone: Tone = resting ? "warn" : place === 1 ? "ok" : "off";
  const word = resting && score.until !== null ? t("tree.restingUntil", { time: time(score.until), cause: "" }) : t(place === 1 ? "tree.chosen" : "tree.next");
  const facts = [
    t("tree.match", { match: candidate.match, profile }),
    t("tree.weight", { weight: score.weight }),
    score.priority !== 0 && t("tree.priority", { priority: score.priority }),
    score.latency_ms !== null && t("tree.latency", { time: duration(score.latency_ms) }),
    t("tree.inflight", { count: score.inflight }),
    score.standing === "probe" && t("tree.probe"),
    score.faults > 0 && t("tree.faults", { count: score.faults }),
  ].filter((fact) => fact !== false);
  return (
    <li className={clsx(styles.branch, place === 1 && styles.chosen, moved && styles.movedHere)}>
      <span className={styles.place} aria-hidden>
        {place}
      </span>
      <code className={styles.name}>{candidate.credential_name}</code>
      <Status tone={tone}>{word}</Status>
      <span className={styles.facts}>
        {t("tree.asksFor")} <code>{candidate.model}</code> · {facts.join(" · ")}
      </span>
      {source === "" ? <span className={styles.muted}>{t("tree.builtIn")}</span> : <ConfigLink at={source} line={line} />}
    </li>
  );
}

const STEPS = ["rewrite_applied", "fallback_chain_built", "alias_resolved"] as const;
const REASONS = ["credential_disabled", "model_not_supported", "model_excluded", "access_denied", "provider_pin_excluded", "cooldown_active"] as const;

function stepName(step: string): (typeof STEPS)[number] | "other" {
  return STEPS.find((each) => each === step) ?? "other";
}

function reasonName(reason: string): (typeof REASONS)[number] | "other" {
  return REASONS.find((each) => each === reason) ?? "other";
}
