import { useTranslation } from "react-i18next";

import { useSession } from "../live/session";
import { Modal } from "../ui/Dialog";
import { SignInForm } from "../ui/SignInForm";

/** The session is over in the middle of work: signs in again without leaving the page. */
export function SignInAgain() {
  const { t } = useTranslation("shell");
  const username = useSession((session) => session.username);
  const answered = useSession((session) => session.answered);
  return (
    <Modal title={t("again.title")} onClose={() => answered(false)} width={400}>
      <p style={{ marginBottom: "var(--space-4)" }}>{t("again.why")}</p>
      <SignInForm username={username ?? ""} onDone={() => answered(true)} />
    </Modal>
  );
}
