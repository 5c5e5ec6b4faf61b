import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { signInWithLink } from "../../api/session";
import { linkPending, linkUsed, takeLinkToken } from "../../lib/signInLink";
import { useSession } from "../../live/session";
import { Banner } from "../../ui/Banner";
import { Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/CodeBlock";
import { Logo } from "../../ui/Logo";
import { SignInForm } from "../../ui/SignInForm";
import styles from "./login.module.css";

const HASH_COMMAND = "aigw hash-password";
const HASH_CONFIG = 'dashboard:\n  enabled: true\n  password-hash: "$2b$12$…"';

/** The steps and the form: signing in with a password, or with the link of `aigw run`. */
export function Page() {
  const { t } = useTranslation("signin");
  const passwordSet = useSession((session) => session.passwordSet);
  const { link, failure } = useLink();
  const done = useDone();
  return (
    <main className={styles.page}>
      <div className={styles.box}>
        <div className={styles.brand}>
          <Logo size={30} />
          <div>
            <h1 className={styles.title}>{t("title")}</h1>
            <p className={styles.lead}>{t("lead", { host: location.host })}</p>
          </div>
        </div>
        {link ? (
          <p role="status">{t("link")}</p>
        ) : (
          <>
            {failure !== null && (
              <Banner tone="bad" inline>
                <span role="alert">{t("linkFailed", { message: failure })}</span>
              </Banner>
            )}
            {passwordSet === false && <Setup />}
            <SignInForm onDone={done} />
          </>
        )}
      </div>
    </main>
  );
}

function useDone(): () => void {
  const { next = "/" } = useSearch({ from: "/login" });
  const router = useRouter();
  // A path of any page with its search: more than the types of links know.
  return () => router.history.replace(`/dashboard${next}`);
}

/** Signs in with the token of the address, once; it is out of the address before anything else. */
function useLink(): { link: boolean; failure: string | null } {
  const done = useDone();
  const [token] = useState(takeLinkToken);
  const [failure, setFailure] = useState<string | null>(null);
  const begun = useRef(false);
  useEffect(() => {
    // A link put into the address of this very page changes nothing but its fragment.
    const another = () => {
      if (linkPending()) location.reload();
    };
    window.addEventListener("hashchange", another);
    return () => window.removeEventListener("hashchange", another);
  }, []);
  useEffect(() => {
    if (token === null || begun.current) return;
    begun.current = true;
    signInWithLink(token).finally(linkUsed).then(done, (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)));
  }, [token, done]);
  return { link: token !== null && failure === null, failure };
}

function Setup() {
  const { t } = useTranslation("signin");
  return (
    <section className={styles.setup} aria-label={t("setup.title")}>
      <Banner tone="info" inline>
        <strong>{t("setup.title")}</strong> {t("setup.why")}
      </Banner>
      <ol className={styles.steps}>
        <li>
          {t("setup.make")}
          <CodeBlock>{HASH_COMMAND}</CodeBlock>
        </li>
        <li>
          {t("setup.put")}
          <CodeBlock>{HASH_CONFIG}</CodeBlock>
        </li>
        <li>{t("setup.then")}</li>
      </ol>
      <Button small onClick={() => location.reload()}>
        {t("setup.recheck")}
      </Button>
    </section>
  );
}
