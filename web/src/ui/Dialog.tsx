import clsx from "clsx";
import { ChevronDown, ChevronUp, X } from "lucide-react";
import { type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { load, save } from "../lib/storage";
import { useShortcut } from "../lib/useShortcut";
import styles from "./Dialog.module.css";
import { IconButton } from "./IconButton";
import { LayerHost } from "./layer";

type Frame = {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at the bottom. */
  actions?: ReactNode;
};

/**
 * Opens a native dialog as modal for as long as it is rendered. The browser keeps
 * the focus in and everything else inert; the focus goes back to where it was, or,
 * when that is gone (a virtual row), to `returnTo`.
 */
function useModal(onClose: () => void, returnTo?: () => HTMLElement | null) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [host, setHost] = useState<HTMLElement | null>(null);
  const back = useRef(returnTo);
  const close = useRef(onClose);
  useEffect(() => {
    back.current = returnTo;
    close.current = onClose;
  });
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return undefined;
    const before = document.activeElement;
    element.showModal();
    // The browser would take the first button: a ring around "close", and its tooltip over the text.
    const field = element.matches("[data-form]") ? element.querySelector<HTMLElement>("input:not(:disabled), textarea, select") : null;
    (field ?? element.querySelector<HTMLElement>("h2"))?.focus({ preventScroll: true });
    setHost(element);
    // The browser closes a dialog by itself when Esc is pressed twice; whoever
    // renders it decides.
    const cancelled = (event: Event) => {
      event.preventDefault();
      close.current();
    };
    element.addEventListener("cancel", cancelled);
    return () => {
      element.removeEventListener("cancel", cancelled);
      element.close();
      const row = back.current?.() ?? null;
      const target = row ?? (before instanceof HTMLElement && before.isConnected ? before : null);
      target?.focus({ preventScroll: row === null });
    };
  }, []);
  return { dialog, host };
}

/** For a question or a short form. Rendering it opens it. */
export function Modal({ title, onClose, children, actions, width }: Frame & { width?: number }) {
  const { t } = useTranslation();
  const id = useId();
  const { dialog, host } = useModal(onClose);
  return (
    <dialog ref={dialog} data-form="" aria-labelledby={id} className={clsx(styles.dialog, styles.modal)} style={{ "--dialog-width": width === undefined ? undefined : `${width}px` } as CSSProperties}>
      <LayerHost value={host}>
        <div className={styles.head}>
          <h2 id={id} tabIndex={-1} className={styles.title}>
            {title}
          </h2>
          <IconButton icon={X} label={t("close")} onClick={onClose} tooltip={false} />
        </div>
        <div className={styles.body}>{children}</div>
        {actions !== undefined && <div className={styles.foot}>{actions}</div>}
      </LayerHost>
    </dialog>
  );
}

const NARROWEST = 420;
const STEP = 40;

export type DrawerProps = Frame & {
  /** Remembered per name. */
  name: string;
  /** The next and the previous row, for J and K; absent at the end of the list. */
  onNext?: (() => void) | undefined;
  onPrevious?: (() => void) | undefined;
  /** More buttons in the head. */
  tools?: ReactNode;
  returnTo?: () => HTMLElement | null;
};

/** A panel from the right, over the page. Rendering it opens it. */
export function Drawer({ name, title, onClose, onNext, onPrevious, tools, returnTo, children, actions }: DrawerProps) {
  const { t } = useTranslation();
  const id = useId();
  const { dialog, host } = useModal(onClose, returnTo);
  const { width, resize, grip } = useDrawerWidth(name);
  const listed = onNext !== undefined || onPrevious !== undefined;
  for (const [key, action] of [["j", onNext], ["J", onNext], ["k", onPrevious], ["K", onPrevious]] as const) {
    // eslint-disable-next-line react-hooks/rules-of-hooks -- always these four
    useShortcut(key, () => action?.(), { inDialog: true, enabled: action !== undefined });
  }
  return (
    <dialog ref={dialog} aria-labelledby={id} className={clsx(styles.dialog, styles.drawer)} style={{ "--drawer-width": `${width}px` } as CSSProperties}>
      <LayerHost value={host}>
        {/* A separator with a value is the role for a handle; it takes the focus and the arrow keys. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
        <div role="separator" aria-orientation="vertical" aria-label={t("drawer.resize")} aria-valuenow={width} aria-valuemin={NARROWEST} aria-valuemax={2400} tabIndex={0} className={styles.grip} onKeyDown={resize} {...grip} />
        <div className={styles.head}>
          <h2 id={id} tabIndex={-1} className={styles.title}>
            {title}
          </h2>
          <div className={styles.headActions}>
            {tools}
            {listed && <IconButton icon={ChevronUp} label={t("drawer.previous")} onClick={onPrevious} disabled={onPrevious === undefined} />}
            {listed && <IconButton icon={ChevronDown} label={t("drawer.next")} onClick={onNext} disabled={onNext === undefined} />}
            <IconButton icon={X} label={t("close")} onClick={onClose} tooltip={false} />
          </div>
        </div>
        <div className={styles.body}>{children}</div>
        {actions !== undefined && <div className={styles.foot}>{actions}</div>}
      </LayerHost>
    </dialog>
  );
}

function useDrawerWidth(name: string) {
  const key = `drawer.${name}`;
  const [width, setWidth] = useState(() => {
    const kept = load(key);
    return typeof kept === "number" ? kept : 960;
  });
  const clamp = (value: number) => Math.round(Math.max(NARROWEST, Math.min(value, Math.max(NARROWEST, window.innerWidth - 48))));
  const settle = (value: number) => {
    setWidth(clamp(value));
    save(key, clamp(value));
  };
  return {
    width,
    resize: (event: KeyboardEvent) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      settle(width + (event.key === "ArrowLeft" ? STEP : -STEP));
    },
    grip: {
      onPointerDown: (event: PointerEvent) => event.currentTarget.setPointerCapture(event.pointerId),
      onPointerMove: (event: PointerEvent) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) setWidth(clamp(window.innerWidth - event.clientX));
      },
      onPointerUp: (event: PointerEvent) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) settle(window.innerWidth - event.clientX);
      },
    },
  };
}
