import { Outlet, useMatches, useNavigate } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { useShortcut } from "../lib/useShortcut";
import { useChannel } from "../live";
import { useSession } from "../live/session";
import { ToastRegion } from "../ui/Toast";
import { BannerLine } from "./BannerLine";
import { Header } from "./Header";
import { PAGES, type PageEntry } from "./pages";
import styles from "./Shell.module.css";
import { ShortcutList } from "./ShortcutList";
import { Sidebar } from "./Sidebar";

const Palette = lazy(() => import("./Palette"));
const SignInAgain = lazy(async () => ({ default: (await import("./SignInAgain")).SignInAgain }));

/** What is around every page: sidebar, header, banner, and what opens above. */
export function Shell(): ReactNode {
  const { t } = useTranslation("shell");
  const page = useMatches().at(-1)?.staticData ?? {};
  const [open, setOpen] = useState<"palette" | "keys" | "menu" | null>(null);
  const askAgain = useSession((session) => session.askAgain);
  useChannel("health");
  useChannel("config");
  useShortcut("Mod+k", () => setOpen("palette"), { inDialog: false, enabled: open === null });
  useShortcut("?", () => setOpen("keys"));

  const title = page.page === undefined ? t("notFound.title") : t(`nav.${page.page}`);
  useEffect(() => {
    document.title = `${title} · aigw`;
  }, [title]);

  return (
    <div className={styles.shell}>
      <a href="#page" className={styles.skip}>
        {t("skip")}
      </a>
      <Sidebar open={open === "menu"} onClose={() => setOpen((now) => (now === "menu" ? null : now))} />
      <div className={styles.column}>
        <Header title={title} timed={page.timed === true} live={page.live === true} onPalette={() => setOpen("palette")} onKeys={() => setOpen("keys")} onMenu={() => setOpen("menu")} />
        <BannerLine />
        <main id="page" tabIndex={-1} className={styles.page}>
          <Outlet />
        </main>
      </div>
      {PAGES.map((entry) => (
        <GoKey key={entry.name} entry={entry} />
      ))}
      {open === "palette" && (
        <Suspense fallback={null}>
          <Palette onClose={() => setOpen(null)} onKeys={() => setOpen("keys")} />
        </Suspense>
      )}
      {open === "keys" && <ShortcutList onClose={() => setOpen(null)} />}
      {askAgain && (
        <Suspense fallback={null}>
          <SignInAgain />
        </Suspense>
      )}
      <ToastRegion />
    </div>
  );
}

function GoKey({ entry }: { entry: PageEntry }) {
  const navigate = useNavigate();
  useShortcut(`g ${entry.key ?? ""}`, () => void navigate({ to: entry.path }), { enabled: entry.key !== undefined });
  return null;
}
