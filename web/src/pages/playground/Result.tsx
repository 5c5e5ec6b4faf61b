import { Link } from "@tanstack/react-router";
import { SquareTerminal } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";

import { bytes, count, duration, money, UNKNOWN } from "../../lib/format";
import { Banner } from "../../ui/Banner";
import { Card } from "../../ui/Card";
import { EmptyState } from "../../ui/EmptyState";
import { Reading } from "../../ui/Reading";
import { Status, statusTone, type Tone } from "../../ui/Status";
import { TwoStream } from "../../ui/TwoStream";
import { clientRows, type Streams } from "../../ui/twoStream";
import type { Play, PlayState } from "./play";
import styles from "./playground.module.css";
import type { Recorded } from "./usePlay";

const TONES: Record<PlayState, Tone> = { sending: "busy", running: "busy", done: "ok", stopped: "off", failed: "bad", brokeOff: "bad" };

/** The right side: the answer, both streams, and what is known of it. */
export function Result({ state, recorded }: { state: Play | null; recorded: Recorded }) {
  const { t } = useTranslation("playground");
  if (state === null) {
    return (
      <Card>
        <EmptyState icon={SquareTerminal} title={t("empty.title")}>
          {t("empty.text")}
        </EmptyState>
      </Card>
    );
  }
  const running = state.state === "sending" || state.state === "running";
  const note = state.state === "stopped" ? t("state.stopped", { after: duration(state.total) }) : t(`state.${state.state}`);
  const tone = state.state === "done" && state.status !== null ? statusTone(state.status) : TONES[state.state];
  return (
    <>
      <Card
        title={t("answer")}
        note={
          <span role="status">
            <Status tone={tone}>{note}</Status>
          </span>
        }
      >
        <div className={styles.answer}>
          {state.error !== null && (
            <Banner tone="bad" inline>
              {state.error}
            </Banner>
          )}
          <Reading answer={state.reading} empty={running ? t("state.sending") : undefined} />
          {state.state === "stopped" && recorded.detail !== null && <p className={styles.muted}>{t("cancelled", { after: duration(recorded.detail.entry.latency_ms) })}</p>}
        </div>
      </Card>
      <Facts state={state} recorded={recorded} />
      <Card title={t("streams")}>
        <BothStreams state={state} recorded={recorded} running={running} />
      </Card>
    </>
  );
}

function BothStreams({ state, recorded, running }: { state: Play; recorded: Recorded; running: boolean }) {
  const { t } = useTranslation("playground");
  const own = useMemo<Streams>(() => {
    const rows = clientRows(state.pieces);
    return { total: rows.length, offset: 0, fidelity: "times", upstream_format: null, client_format: state.sent.format, stream: state.sent.stream, cut: false, rows };
  }, [state.pieces, state.sent]);
  if (recorded.streams !== null) return <TwoStream key={state.id} id={state.id} streams={recorded.streams} />;
  const waiting = !running && recorded.detail === null && recorded.problem === null && state.state !== "failed";
  return (
    <>
      {recorded.problem !== null && (
        <Banner tone="warn" inline>
          {t("streamsMissing", { message: recorded.problem })}
        </Banner>
      )}
      <TwoStream key={`${state.id} live`} id={state.id} streams={own} running={running || waiting} />
    </>
  );
}

function Facts({ state, recorded }: { state: Play; recorded: Recorded }) {
  const { t } = useTranslation("playground");
  const { headers } = state;
  const entry = recorded.detail?.entry;
  const facts: [string, ReactNode][] = [
    [t("facts.status"), state.status === null ? UNKNOWN : <Status tone={statusTone(state.status)}>{state.status}</Status>],
    [t("facts.firstByte"), duration(state.firstByte)],
    [t("facts.ttft"), duration(state.firstContent)],
    [t("facts.total"), duration(state.total)],
    [t("facts.tokens"), entry === undefined ? UNKNOWN : t("facts.tokensOf", { input: count(entry.input_tokens), output: count(entry.output_tokens) })],
    [t("facts.cost"), money(entry?.cost == null ? null : Number(entry.cost))],
    [t("facts.provider"), headers["x-aigw-provider"] ?? entry?.credential ?? UNKNOWN],
    [t("facts.model"), headers["x-aigw-model"] ?? entry?.served_model ?? UNKNOWN],
    [t("facts.attempts"), headers["x-aigw-attempts"] ?? (entry === undefined ? UNKNOWN : count(entry.attempts))],
    [t("facts.finish"), state.reading.finish === null ? UNKNOWN : <code>{state.reading.finish}</code>],
    [t("facts.size"), t("facts.sizeOf", { size: bytes(state.bytes), count: state.pieces.length })],
  ];
  return (
    <Card>
      <dl className={styles.facts} aria-label={t("facts.label")}>
        {facts.map(([name, value]) => (
          <div key={name} className={styles.fact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {headers["x-aigw-route"] !== undefined && (
          <div className={styles.wideFact}>
            <dt>{t("facts.route")}</dt>
            <dd>
              {headers["x-aigw-route"].split(/(?<=[,;] )/).map((each, at) => (
                <span key={at} className={styles.piece}>
                  {each}
                </span>
              ))}
            </dd>
          </div>
        )}
        {headers["x-aigw-warnings"] !== undefined && (
          <div className={styles.wideFact}>
            <dt>{t("facts.warnings")}</dt>
            <dd>{headers["x-aigw-warnings"]}</dd>
          </div>
        )}
        <div className={styles.wideFact}>
          <dt>{t("facts.id")}</dt>
          <dd>
            <code>{state.id}</code>{" "}
            {recorded.detail !== null && (
              <Link to="/requests/$id" params={{ id: state.id }}>
                {t("facts.open")}
              </Link>
            )}
          </dd>
        </div>
      </dl>
    </Card>
  );
}
