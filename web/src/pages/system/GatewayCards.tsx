import { useTranslation } from "react-i18next";

import { ago, bytes, count, day, duration, fullTime, time } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { Banner } from "../../ui/Banner";
import { Card } from "../../ui/Card";
import { CopyButton } from "../../ui/CopyButton";
import { Status } from "../../ui/Status";
import type { SystemInfo } from "./data";
import { Facts } from "./Facts";
import styles from "./system.module.css";

const SOON = 30 * 86_400_000; // ms before the end of a certificate

export function GatewayCard({ info }: { info: SystemInfo }) {
  const { t } = useTranslation("system");
  const now = useNow(1000);
  return (
    <Card title={t("gateway.title")}>
      <Facts
        facts={[
          {
            label: t("gateway.version"),
            value: (
              <span className={styles.inline}>
                <strong>{info.version}</strong>
                <CopyButton iconOnly small label={t("copy", { ns: "ui" })} text={info.version} />
              </span>
            ),
          },
          { label: t("gateway.state"), value: info.draining ? <Status tone="warn">{t("gateway.draining")}</Status> : <Status tone="ok">{t("gateway.running")}</Status> },
          { label: t("gateway.started"), value: <time dateTime={new Date(info.started).toISOString()} title={fullTime(info.started)}>{t("gateway.uptime", { time: time(info.started), span: duration(Math.max(0, Math.round((now - info.started) / 1000) * 1000)) })}</time> },
          { label: t("gateway.listen"), value: info.listen.length === 0 ? t("gateway.notOwn") : <code>{info.listen.join(", ")}</code> },
          { label: t("gateway.workers"), value: count(info.workers) },
          { label: t("gateway.python"), value: info.python },
          { label: t("gateway.platform"), value: info.platform },
        ]}
      />
    </Card>
  );
}

export function ProcessCard({ info }: { info: SystemInfo }) {
  const { t } = useTranslation("system");
  const { process } = info;
  return (
    <Card title={t("process.title")} note={t("process.note")}>
      <Facts
        facts={[
          { label: t("process.pid"), value: process.worker === null ? String(process.pid) : t("process.pidWorker", { pid: process.pid, worker: process.worker }) },
          { label: t("process.memory"), value: bytes(process.rss_bytes) },
          { label: t("process.cpu"), value: duration(process.cpu_seconds * 1000) },
          { label: t("process.lag"), value: duration(process.loop_lag_ms) },
          { label: t("process.files"), value: count(process.open_files) },
          { label: t("process.threads"), value: count(process.threads) },
          { label: t("process.inFlight"), value: count(info.in_flight) },
          { label: t("process.sockets"), value: count(info.sockets) },
        ]}
      />
    </Card>
  );
}

export function TlsCard({ info }: { info: SystemInfo }) {
  const { t } = useTranslation("system");
  const now = useNow(60_000);
  const { tls } = info;
  if (tls === null) {
    return (
      <Card title={t("tls.title")}>
        <p className={styles.text}>{t("tls.off")}</p>
      </Card>
    );
  }
  const left = new Date(tls.not_after).getTime() - now;
  const word = t(left < 0 ? "tls.expired" : "tls.expires", { when: ago(tls.not_after, now) });
  const auth: Record<string, string> = { none: t("tls.auth.none"), optional: t("tls.auth.optional"), required: t("tls.auth.required") };
  return (
    <Card title={t("tls.title")}>
      {tls.problem !== null && (
        <Banner tone="bad" inline>
          {t("tls.problem", { problem: tls.problem })}
        </Banner>
      )}
      <Facts
        facts={[
          { label: t("tls.until"), value: <span className={styles.inline}><time dateTime={tls.not_after} title={fullTime(tls.not_after)}>{day(tls.not_after)}</time> <Status tone={left < 0 ? "bad" : left < SOON ? "warn" : "ok"}>{word}</Status></span> },
          { label: t("tls.from"), value: <time dateTime={tls.not_before} title={fullTime(tls.not_before)}>{day(tls.not_before)}</time> },
          { label: t("tls.names"), value: tls.names.join(", ") },
          { label: t("tls.subject"), value: tls.subject },
          { label: t("tls.issuer"), value: tls.issuer },
          { label: t("tls.clients"), value: auth[tls.client_auth] ?? tls.client_auth },
        ]}
      />
    </Card>
  );
}

/** Sizes by database: SQLite's log of writes is part of one. */
function stores(files: SystemInfo["databases"]): [string, number][] {
  const sizes = new Map<string, number>();
  for (const file of files) {
    const name = file.name.replace(/-wal$/, "");
    sizes.set(name, (sizes.get(name) ?? 0) + file.bytes);
  }
  return [...sizes];
}

export function StoresCard({ info }: { info: SystemInfo }) {
  const { t } = useTranslation("system");
  const logs = [
    { label: t("storage.requestLog"), state: info.request_log },
    { label: t("storage.appLog"), state: info.app_log },
  ];
  return (
    <Card title={t("storage.title")}>
      <Facts
        facts={[
          ...logs.map(({ label, state }) => ({
            label,
            value:
              state.dropped > 0 ? (
                <Status tone="warn">{t("storage.dropped", { count: state.dropped, number: count(state.dropped) })}</Status>
              ) : state.kept ? (
                <Status tone="ok">{t("storage.kept")}</Status>
              ) : (
                <Status tone="off">{t("storage.notKept")}</Status>
              ),
          })),
          ...stores(info.databases).map(([name, size]) => ({ label: name, value: bytes(size) })),
        ]}
      />
      {info.databases.length === 0 && <p className={styles.text}>{t("storage.none")}</p>}
    </Card>
  );
}
