import { type ReactNode, useState } from "react";
import { Trans, useTranslation } from "react-i18next";

import { Button } from "./Button";
import { Modal } from "./Dialog";
import { Field, Input } from "./Field";

export type ConfirmProps = {
  title: string;
  /** What will happen, and what still depends on it. */
  children: ReactNode;
  /** The word on the button: what it does, as in "Delete key". */
  action: string;
  danger?: boolean;
  busy?: boolean;
  /** Has to be typed first, for what cannot be undone. */
  name?: string;
  onConfirm: () => void;
  onClose: () => void;
};

/** Asks before something is done; names what it is done to. */
export function Confirm({ title, children, action, danger = false, busy = false, name, onConfirm, onClose }: ConfirmProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const ready = name === undefined || typed === name;
  const form = "confirm-form";
  return (
    <Modal
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind={danger ? "danger" : "primary"} type="submit" form={form} disabled={!ready} busy={busy}>
            {action}
          </Button>
        </>
      }
    >
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) onConfirm();
        }}
      >
        {children}
        {name !== undefined && (
          <div style={{ marginTop: "var(--space-4)" }}>
            <p style={{ marginBottom: "var(--space-1)" }} aria-hidden>
              <Trans i18nKey="modal.confirmName" values={{ name }} components={{ name: <code /> }} />
            </p>
            <Field label={t("modal.confirmName", { name })} hideLabel>
              {(control) => <Input {...control} code value={typed} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />}
            </Field>
          </div>
        )}
      </form>
    </Modal>
  );
}
