import { Eye, EyeOff } from "lucide-react";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "../api/error";
import { signIn } from "../api/session";
import { clock } from "../lib/format";
import { useNow } from "../lib/useNow";
import { Button } from "./Button";
import { Field, Input } from "./Field";
import { IconButton } from "./IconButton";
import styles from "./SignInForm.module.css";

type Problem = { text: string; retryAt?: number };

/** User name and password; what to do when they are refused. */
export function SignInForm({ username = "", onDone }: { username?: string; onDone: () => void }) {
  const { t } = useTranslation("signin");
  const [name, setName] = useState(username);
  const [password, setPassword] = useState("");
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const secret = useRef<HTMLInputElement>(null);
  const user = useRef<HTMLInputElement>(null);
  useEffect(() => {
    (username === "" ? user : secret).current?.focus();
  }, [username]);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy) return;
    if (name === "" || password === "") {
      setProblem({ text: t("missing") });
      (name === "" ? user : secret).current?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await signIn(name, password);
      onDone();
    } catch (error) {
      setProblem(read(error));
      secret.current?.select();
    } finally {
      setBusy(false);
    }
  };

  const read = (error: unknown): Problem => {
    if (!(error instanceof ApiError)) return { text: String(error) };
    if (error.status === 0) return { text: t("unreachable") };
    const wait = error.body.retry_after;
    if (error.status === 429) return { text: sentence(error.message), ...(typeof wait === "number" && { retryAt: Date.now() + wait * 1000 }) };
    return { text: sentence(error.message) };
  };

  return (
    <form onSubmit={(event) => void submit(event)} className={styles.form} noValidate>
      <Field label={t("username")}>
        {(control) => <Input {...control} ref={user} value={name} autoComplete="username" autoCapitalize="none" spellCheck={false} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label={t("password")}>
        {(control) => (
          <div className={styles.secret}>
            <Input {...control} ref={secret} type={shown ? "text" : "password"} value={password} autoComplete="current-password" onChange={(event) => setPassword(event.target.value)} />
            <IconButton icon={shown ? EyeOff : Eye} small label={shown ? t("conceal") : t("reveal")} aria-pressed={shown} onClick={() => setShown(!shown)} />
          </div>
        )}
      </Field>
      <div role="alert" className={styles.problem}>
        {problem !== null && <ProblemLine problem={problem} />}
      </div>
      <Button type="submit" kind="primary" busy={busy}>
        {busy ? t("submitting") : t("submit")}
      </Button>
    </form>
  );
}

/** The gateway's messages begin small and end open, as parts of a log line. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function ProblemLine({ problem }: { problem: Problem }) {
  const { t } = useTranslation("signin");
  const now = useNow(1000, problem.retryAt !== undefined);
  if (problem.retryAt !== undefined && problem.retryAt > now) {
    // The alert says it once; the time that runs down is for the eyes.
    return <span aria-live="off">{t("locked", { time: clock((problem.retryAt - now) / 1000) })}</span>;
  }
  return problem.text;
}
