import { useNavigate } from "@tanstack/react-router";
import { Download, Search as SearchIcon, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { download } from "../../lib/download";
import { count } from "../../lib/format";
import { useShortcut } from "../../lib/useShortcut";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/CopyButton";
import { Input, Select, Switch } from "../../ui/Field";
import { toast } from "../../ui/toasts";
import { fetchAll } from "./data";
import styles from "./logs.module.css";
import { anyWanted, asText, type Line, type Wanted } from "./records";
import { LEVELS, type Search } from "./search";

const TYPING = 250; // ms after which what is typed counts

export type ToolsProps = { search: Search; wanted: Wanted; lines: readonly Line[]; follow: boolean; onFollow: (follow: boolean) => void };

/** What is shown, and what can be done with it. */
export function Tools({ search, wanted, lines, follow, onFollow }: ToolsProps) {
  const { t } = useTranslation("logs");
  const navigate = useNavigate();
  const set = (change: { [K in keyof Search]?: Search[K] | undefined }) => void navigate({ to: "/logs", replace: true, search: (before) => ({ ...before, ...change }) as Search });
  const records = lines.flatMap((line) => (line.kind === "record" ? [line.record] : []));
  return (
    <div className={styles.tools} role="search" aria-label={t("search")}>
      <TypedFilter name={t("search")} hint={t("searchHint")} value={search.q ?? ""} onChange={(q) => set({ q: q === "" ? undefined : q })} shortcut />
      <Select
        small
        aria-label={t("level")}
        className={styles.level}
        value={search.level ?? "debug"}
        options={LEVELS.map((value) => ({ value, label: t(`levels.${value}`) }))}
        onChange={(event) => {
          const level = LEVELS.find((each) => each === event.target.value);
          set({ level: level === "debug" ? undefined : level });
        }}
      />
      <TypedFilter name={t("logger")} hint={t("loggerHint")} value={search.logger ?? ""} onChange={(logger) => set({ logger: logger === "" ? undefined : logger })} />
      {search.request !== undefined && (
        <span className={styles.chip}>
          <span className={styles.chipText} title={search.request}>
            {t("requestChip", { id: search.request })}
          </span>
          <button type="button" className={styles.chipRemove} aria-label={t("requestRemove")} onClick={() => set({ request: undefined })}>
            <X size={13} aria-hidden />
          </button>
        </span>
      )}
      {anyWanted(wanted) && (
        <Button small kind="quiet" onClick={() => set({ q: undefined, level: undefined, logger: undefined, request: undefined })}>
          {t("clear")}
        </Button>
      )}
      <span className={styles.rest}>
        <span className={styles.count}>{t("shown", { count: records.length, number: count(records.length) })}</span>
        <Switch label={t("follow")} checked={follow} onChange={onFollow} />
        <Switch label={t("wrap")} checked={search.wrap === "1"} onChange={(wrap) => set({ wrap: wrap ? "1" : undefined })} />
        <CopyButton small label={t("copy")} text={() => records.map(asText).join("\n")} />
        <DownloadButton wanted={wanted} />
      </span>
    </div>
  );
}

function DownloadButton({ wanted }: { wanted: Wanted }) {
  const { t } = useTranslation("logs");
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      const found = (await fetchAll(wanted)).reverse();
      const moment = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
      download(`aigw-log-${moment}Z.jsonl`, found.map((record) => `${JSON.stringify(record)}\n`).join(""), "application/jsonl");
    } catch (error) {
      toast("bad", t("downloadFailed", { message: error instanceof Error ? error.message : String(error) }));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button small icon={Download} busy={busy} onClick={() => void save()}>
      {t("download")}
    </Button>
  );
}

type TypedFilterProps = { name: string; hint: string; value: string; onChange: (value: string) => void; shortcut?: boolean };

/** Counts a moment after the last letter, and at once with Enter; Esc empties it. */
function TypedFilter({ name, hint, value, onChange, shortcut = false }: TypedFilterProps) {
  const [draft, setDraft] = useState(value);
  const [known, setKnown] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useShortcut("/", () => box.current?.focus(), { enabled: shortcut });
  // The address has changed from elsewhere.
  if (known !== value) {
    setKnown(value);
    setDraft(value);
  }
  useEffect(() => {
    if (draft === value) return undefined;
    const timer = setTimeout(() => latest.current(draft.trim()), TYPING);
    return () => clearTimeout(timer);
  }, [draft, value]);
  return (
    <span className={shortcut ? styles.searchBox : styles.loggerBox}>
      {shortcut && <SearchIcon size={14} aria-hidden />}
      <Input
        ref={box}
        small
        type="text"
        aria-label={name}
        placeholder={hint}
        value={draft}
        spellCheck={false}
        autoComplete="off"
        maxLength={200}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onChange(draft.trim());
          if (event.key === "Escape") {
            if (draft === "") box.current?.blur();
            setDraft("");
          }
        }}
      />
    </span>
  );
}
