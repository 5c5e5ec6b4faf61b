import { X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "./Button";
import { IconButton } from "./IconButton";
import { TONE_ICON } from "./Status";
import status from "./Status.module.css";
import styles from "./Toast.module.css";
import { dismiss, type ToastMessage, useToasts } from "./toasts";

const TIME = 6_000; // ms; with something to press, or gone wrong, it stays longer
const LONG_TIME = 20_000;

/** Once in the shell. A popover, so that it is above an open drawer. */
export function ToastRegion() {
  const { t } = useTranslation();
  const list = useToasts((toasts) => toasts.list);
  const region = useRef<HTMLDivElement>(null);
  const any = list.length > 0;
  useEffect(() => {
    const element = region.current;
    // Anew each time, so that it comes above a dialog opened since.
    if (any && typeof element?.showPopover === "function") {
      element.hidePopover();
      element.showPopover();
    }
  }, [any, list]);
  return (
    <div ref={region} popover="manual" role="status" aria-label={t("toasts")} className={styles.region} hidden={!any}>
      {list.map((message) => (
        <ToastItem key={message.id} message={message} />
      ))}
    </div>
  );
}

function ToastItem({ message }: { message: ToastMessage }) {
  const { t } = useTranslation();
  const [held, setHeld] = useState(false);
  const { id, tone, text, action } = message;
  const Icon = TONE_ICON[tone];
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(() => dismiss(id), action !== undefined || tone === "bad" ? LONG_TIME : TIME);
    return () => clearTimeout(timer);
  }, [held, id, action, tone]);
  return (
    // It stays while someone is at it; there is nothing to press but what is in it.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={styles.toast} onPointerEnter={() => setHeld(true)} onPointerLeave={() => setHeld(false)} onFocus={() => setHeld(true)} onBlur={() => setHeld(false)}>
      <Icon size={16} aria-hidden className={status[tone]} style={{ marginTop: 6 }} />
      <div className={styles.text}>{text}</div>
      {action !== undefined && (
        <Button
          small
          onClick={() => {
            action.run();
            dismiss(id);
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton icon={X} small label={t("dismiss")} tooltip={false} onClick={() => dismiss(id)} />
    </div>
  );
}
