import { useNavigate } from "@tanstack/react-router";
import clsx from "clsx";
import { SquareTerminal, Terminal } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { copyText } from "../../lib/clipboard";
import { count, fullTime, money, time, tokens, UNKNOWN } from "../../lib/format";
import { curl } from "../../lib/snippets";
import { Button } from "../Button";
import { CopyButton } from "../CopyButton";
import { Status, statusTone } from "../Status";
import { toast } from "../toasts";
import { askedAgain, type LogDetail } from "./data";
import styles from "./request.module.css";

/** What identifies a request, what it cost, and what can be done with it. */
export function Facts({ detail }: { detail: LogDetail }) {
  const { t } = useTranslation("request");
  const { t: ui } = useTranslation();
  const navigate = useNavigate();
  const { entry, capture } = detail;
  const header = (name: string) => capture?.request.headers.find((each) => each.name === name)?.value;
  const agent = header("user-agent");
  const copyCurl = () => {
    const { example, ...asked } = askedAgain(entry, capture, "Hello");
    void copyText(curl(asked, location.origin)).then((ok) => {
      if (!ok) toast("bad", ui("copyFailed"));
      else if (example) toast("info", t("exampleBody"));
      else toast("ok", ui("copied"));
    });
  };
  return (
    <>
      <dl className={styles.facts}>
        <Fact name={t("status")}>
          <Status tone={entry.failed ? (statusTone(entry.status) === "ok" ? "bad" : statusTone(entry.status)) : statusTone(entry.status)}>
            {entry.error === null ? entry.status : `${entry.status} ${entry.error}`}
          </Status>
        </Fact>
        <Fact name={t("time")}>
          <time dateTime={new Date(entry.timestamp).toISOString()} title={fullTime(entry.timestamp)}>
            {time(entry.timestamp)}
          </time>
        </Fact>
        <Fact name={t("model")}>{entry.served_model !== null && entry.served_model !== entry.model ? t("served", { asked: entry.model ?? UNKNOWN, served: entry.served_model }) : (entry.model ?? UNKNOWN)}</Fact>
        <Fact name={t("wire")}>
          {entry.upstream_format === null ? entry.format : t("served", { asked: entry.format, served: entry.upstream_format })}
          {entry.relayed && <span className={styles.muted}> {t("relayed")}</span>}
        </Fact>
        <Fact name={t("tokens")}>
          {t("tokensOf", { input: tokens(entry.input_tokens), output: tokens(entry.output_tokens) })}
          <span className={styles.muted}>
            {(entry.cache_read_tokens ?? 0) > 0 && ` · ${t("cached", { count: entry.cache_read_tokens ?? 0 })}`}
            {(entry.reasoning_tokens ?? 0) > 0 && ` · ${t("reasoningTokens", { count: entry.reasoning_tokens ?? 0 })}`}
            {entry.usage_estimated && ` · ${t("estimated")}`}
          </span>
        </Fact>
        <Fact name={t("cost")}>{money(entry.cost === null ? null : Number(entry.cost))}</Fact>
        <Fact name={t("key")}>{entry.key === null || entry.key === "" ? t("keyNone") : entry.key}</Fact>
        <Fact name={t("path")}>
          <code className={styles.path}>{`${entry.method} ${entry.path}`}</code>
        </Fact>
        {agent !== undefined && <Fact name={t("client")}>{agent}</Fact>}
        <Fact name={t("config")}>
          <code>{entry.config}</code> <span className={styles.muted}>#{count(entry.seq)}</span>
        </Fact>
        <Fact name={t("id")} wide>
          <code className={styles.path}>{entry.request_id}</code>
          <CopyButton text={entry.request_id} label={t("copyId")} iconOnly small />
        </Fact>
      </dl>
      <div className={styles.actions}>
        <Button small icon={SquareTerminal} onClick={() => void navigate({ to: "/playground", search: { from: entry.request_id } } as never)}>
          {t("replay")}
        </Button>
        <Button small icon={Terminal} onClick={copyCurl}>
          {t("copyCurl")}
        </Button>
      </div>
    </>
  );
}

function Fact({ name, wide = false, children }: { name: string; wide?: boolean; children: ReactNode }) {
  return (
    <div className={clsx(styles.fact, wide && styles.wideFact)}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
