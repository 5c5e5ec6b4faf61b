import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { Logo } from "../ui/Logo";
import { useNotices } from "./notices";
import { PAGES } from "./pages";
import styles from "./Shell.module.css";

/** The pages. On small screens they are in a dialog that the header opens. */
export function Sidebar({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <>
      <List className={styles.fixed} />
      {open && <MenuDialog onClose={onClose} />}
    </>
  );
}

function MenuDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("shell");
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    // A click beside the list closes it; Esc does the same for the keyboard.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog ref={dialog} aria-label={t("navigation")} className={styles.menu} onClose={onClose} onClick={() => dialog.current?.close()}>
      <List className={styles.opened} />
    </dialog>
  );
}

function List({ className }: { className: string | undefined }) {
  const { t } = useTranslation("shell");
  const notices = useNotices();
  return (
    <nav aria-label={t("navigation")} className={clsx(styles.sidebar, className)}>
      <Link to="/" className={styles.brand} activeProps={{ "aria-current": undefined }}>
        <Logo />
        <span className={styles.word}>aigw</span>
      </Link>
      <ul className={styles.list}>
        {PAGES.map(({ name, path, icon: Icon }) => {
          const notice = notices[name];
          return (
            <li key={name}>
              <Link to={path} activeOptions={{ exact: path === "/", includeSearch: false }} className={styles.link} title={t(`nav.${name}`)}>
                <Icon size={17} aria-hidden />
                <span className={styles.word}>{t(`nav.${name}`)}</span>
                {notice !== undefined && (
                  <span className={styles.dot}>
                    <span aria-hidden>{notice.count > 99 ? "99+" : notice.count}</span>
                    <span className="sr-only">{notice.text}</span>
                  </span>
                )}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
