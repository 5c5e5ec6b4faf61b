import { useSearch } from "@tanstack/react-router";
import { FoldVertical, Search as SearchIcon, Undo2, UnfoldVertical } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { ErrorCard } from "../../ui/ErrorCard";
import { IconButton } from "../../ui/IconButton";
import { Skeleton } from "../../ui/Skeleton";
import { Status } from "../../ui/Status";
import styles from "./config.module.css";
import { type Check, useBook, useCheck } from "./data";
import { isDirty, type Raw, useDraft } from "./draft";
import { Hint } from "./Hint";
import { Notices } from "./Notices";
import { Outline } from "./Outline";
import { Problems } from "./Problems";
import { Review } from "./Review";
import { entriesOf, lineOf } from "./yamlPath";
import type { EditorHandle } from "./YamlEditor";

const YamlEditor = lazy(() => import("./YamlEditor"));
const NONE: readonly never[] = [];

/** The editor with all around it: outline, problems, what the key at the cursor means, and the way to apply. */
export function Workbench({ base, disk, conflict, onCompare }: { base: Raw; disk: Raw; conflict: boolean; onCompare: () => void }) {
  const { t } = useTranslation("config");
  const draft = useDraft();
  const dirty = isDirty(draft);
  const editor = useRef<EditorHandle>(null);
  const [line, setLine] = useState(1);
  const [asking, setAsking] = useState<"review" | "discard" | null>(null);
  const { book } = useBook();
  const check = useCheck(draft.text, disk.version);
  const entries = useMemo(() => entriesOf(draft.text), [draft.text]);
  const first = useWantedLine(base, dirty, entries, (to, focus) => editor.current?.goTo(to, focus));
  const goTo = (to: number) => editor.current?.goTo(to);
  useLeaveGuard(dirty);

  return (
    <>
      <Notices disk={disk} conflict={conflict} onCompare={onCompare} onLine={goTo} />
      <div className={styles.bar}>
        <span className={styles.file}>{base.file}</span>
        <CheckStatus check={check} dirty={dirty} />
        <div className={styles.tools}>
          <IconButton icon={SearchIcon} label={t("editor.search")} onClick={() => editor.current?.search()} />
          <IconButton icon={FoldVertical} label={t("editor.foldAll")} onClick={() => editor.current?.fold(true)} />
          <IconButton icon={UnfoldVertical} label={t("editor.unfoldAll")} onClick={() => editor.current?.fold(false)} />
          <Button icon={Undo2} disabled={!dirty} onClick={() => setAsking("discard")}>
            {t("discard.button")}
          </Button>
          {conflict ? (
            <Button kind="primary" onClick={onCompare}>
              {t("conflict.button")}
            </Button>
          ) : (
            <Button kind="primary" disabled={!dirty || !check.settled || check.data?.valid !== true} onClick={() => setAsking("review")}>
              {t("review.button")}
            </Button>
          )}
        </div>
      </div>
      <div className={styles.frame}>
        <Outline entries={entries} line={line} onLine={goTo} />
        <Suspense fallback={<Filling />}>
          <YamlEditor
            handle={editor}
            value={draft.text}
            onChange={draft.write}
            onLine={setLine}
            book={book}
            errors={check.data?.errors ?? NONE}
            warnings={check.data?.warnings ?? NONE}
            firstLine={first}
          />
        </Suspense>
        <Hint entries={entries} line={line} book={book} />
      </div>
      {check.error !== null && <ErrorCard title={t("check.failed")} error={check.error} />}
      <Problems errors={check.data?.errors ?? NONE} warnings={check.data?.warnings ?? NONE} onLine={goTo} />
      {asking === "review" && check.data !== undefined && <Review base={base} text={draft.text} check={check.data} readOnly={disk.read_only} onClose={() => setAsking(null)} />}
      {asking === "discard" && (
        <Confirm
          title={t("discard.title")}
          action={t("discard.action")}
          danger
          onClose={() => setAsking(null)}
          onConfirm={() => {
            draft.start(disk);
            setAsking(null);
          }}
        >
          {t("discard.text", { file: base.file })}
        </Confirm>
      )}
    </>
  );
}

/** The line that the address asks for; without one, that of the first problem. Followed once, and again in a newer text as long as nothing was written. */
function useWantedLine(base: Raw, dirty: boolean, entries: ReturnType<typeof entriesOf>, goTo: (line: number, focus?: boolean) => void): number | undefined {
  const { at, line } = useSearch({ strict: false });
  const wanted = (at === undefined ? undefined : lineOf(entries, at)) ?? (line === undefined ? undefined : Number(line) || undefined);
  const latest = useRef(goTo);
  useEffect(() => {
    latest.current = goTo;
  });
  const written = useRef(false);
  const followed = useRef<number>(undefined);
  useEffect(() => {
    if (dirty) written.current = true;
  }, [dirty]);
  useEffect(() => {
    if (wanted === undefined || (written.current && followed.current === wanted)) return;
    followed.current = wanted;
    latest.current(wanted);
  }, [wanted, base.content]);
  const problem = base.problems.find((each) => each.line !== null)?.line ?? undefined;
  useEffect(() => {
    // It may come after the editor: the file is read anew when the page is opened.
    if (problem !== undefined && wanted === undefined && !written.current) latest.current(problem, false);
  }, [problem, wanted]);
  return wanted ?? problem;
}

/** The browser asks before the whole dashboard is left; its other pages keep the draft. */
function useLeaveGuard(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty]);
}

function CheckStatus({ check, dirty }: { check: Check; dirty: boolean }) {
  const { t } = useTranslation("config");
  const { data, settled } = check;
  return (
    <span role="status" className={styles.check}>
      {check.error !== null ? (
        <Status tone="bad">{t("check.failed")}</Status>
      ) : data === undefined || !settled ? (
        <Status tone="busy">{t("check.busy")}</Status>
      ) : !data.valid ? (
        <Status tone="bad">{t("check.errors", { count: data.errors.length })}</Status>
      ) : data.warnings.length > 0 ? (
        <Status tone="warn">{t("check.warnings", { count: data.warnings.length })}</Status>
      ) : (
        <Status tone="ok">{t(dirty ? "check.good" : "check.unchanged")}</Status>
      )}
    </span>
  );
}

function Filling() {
  return (
    <div className={styles.code}>
      <div className={styles.filling}>
        {Array.from({ length: 16 }, (_, at) => (
          <Skeleton key={at} width={`${20 + ((at * 37) % 50)}%`} height={11} />
        ))}
      </div>
    </div>
  );
}
