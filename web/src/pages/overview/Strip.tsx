import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import type { Schemas } from "../../api/client";
import { clock, count, duration, percent, rate } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { Card } from "../../ui/Card";
import { Bars } from "../../ui/Figures";
import { Status, type Tone } from "../../ui/Status";
import styles from "./overview.module.css";

type Strip = Schemas["CredentialStrip"];

const TONE: Record<string, Tone> = { ok: "ok", cooling: "warn", probation: "info", disabled: "off" };
const STATES = ["ok", "cooling", "probation", "disabled"] as const;

/** A card for each group of credentials. */
export function ProviderStrip({ strips, window }: { strips: readonly Strip[]; window: string }) {
  const { t } = useTranslation("overview");
  return (
    <Card title={t("strip.title")} note={window}>
      {strips.length === 0 ? (
        <p className={styles.none}>
          {t("strip.empty")} <Link to="/providers" search={{ add: "choose" }}>{t("strip.add")}</Link>
        </p>
      ) : (
        <ul className={styles.strip}>
          {strips.map((strip) => (
            <Credential key={strip.health.id} strip={strip} window={window} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function Credential({ strip: { health, totals, requests, failed }, window }: { strip: Strip; window: string }) {
  const { t } = useTranslation("overview");
  const state = STATES.find((each) => each === health.state);
  return (
    <li className={styles.credential}>
      <div className={styles.credentialHead}>
        <Link to="/providers" search={{ id: health.id }} className={styles.name} title={health.name}>
          {health.name}
        </Link>
        <Status tone={TONE[health.state] ?? "info"}>{state === undefined ? health.state : t(`strip.${state}`)}</Status>
      </div>
      <p className={styles.note}>
        {health.until !== null && health.cause !== null ? <Rest health={health} until={health.until} cause={health.cause} /> : t("strip.inFlight", { count: health.in_flight })}
      </p>
      {totals !== null && (
        <>
          <dl className={styles.facts}>
            <Fact name={t("strip.requests")} value={rate(totals.requests_per_second)} />
            <Fact name={t("strip.errors")} value={percent(totals.error_rate)} />
            <Fact name={t("strip.ttft")} value={duration(totals.p95_first_content_ms)} />
          </dl>
          <Bars
            label={t("strip.bars", { name: health.name, window, requests: count(totals.total_entries), failed: count(totals.error_count) })}
            bars={requests.map((all, index) => {
              const bad = failed[index] ?? 0;
              return [
                { value: bad, color: "bad" },
                { value: all - bad, color: 1 },
              ];
            })}
          />
        </>
      )}
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Why it rests, and the seconds until it is tried again. */
function Rest({ health, until, cause }: { health: Schemas["CredentialHealth"]; until: number; cause: string }) {
  const { t } = useTranslation("overview");
  const now = useNow(1000);
  if (until <= now) return t("strip.trying", { cause });
  const left = clock((until - now) / 1000);
  return health.model === null ? t("strip.back", { cause, clock: left }) : t("strip.backModel", { model: health.model, cause, clock: left });
}
