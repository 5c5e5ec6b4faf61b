import { CircleUserRound, Keyboard, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Sun } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";

import { signOut } from "../api/session";
import { ago, fullTime } from "../lib/format";
import { keyLabel } from "../lib/shortcuts";
import { useRange } from "../lib/useRange";
import { liveSocket, useLive } from "../live";
import { type Theme, usePrefs } from "../live/prefs";
import { useSession } from "../live/session";
import { Button } from "../ui/Button";
import { IconButton } from "../ui/IconButton";
import { LiveIndicator } from "../ui/LiveIndicator";
import { Menu, MenuCheck, MenuChoice, MenuItem, MenuLabel, MenuSeparator } from "../ui/Menu";
import { Skeleton } from "../ui/Skeleton";
import { toast } from "../ui/toasts";
import styles from "./Shell.module.css";

// Not every page has one, and it brings the popover with it.
const TimeRange = lazy(async () => ({ default: (await import("../ui/TimeRange")).TimeRange }));

export type HeaderProps = { title: string; timed: boolean; live: boolean; onPalette: () => void; onKeys: () => void; onMenu: () => void };

export function Header({ title, timed, live, onPalette, onKeys, onMenu }: HeaderProps) {
  const { t } = useTranslation("shell");
  return (
    <header className={styles.header}>
      <IconButton icon={MenuIcon} label={t("openMenu")} tooltip={false} className={styles.menuButton} onClick={onMenu} />
      <h1 className={styles.title}>{title}</h1>
      <Button icon={Search} kind="secondary" className={styles.search} onClick={onPalette}>
        <span className={styles.words}>{t("search")}</span>
        <kbd className={styles.words} aria-hidden>{keyLabel("Mod+k")}</kbd>
      </Button>
      {timed && <Range />}
      {live && <Live />}
      <ThemeMenu />
      <UserMenu onKeys={onKeys} />
    </header>
  );
}

function Range() {
  const { range, setRange } = useRange();
  return (
    <Suspense fallback={<span className={styles.range}><Skeleton height={32} /></span>}>
      <TimeRange range={range} onChange={setRange} />
    </Suspense>
  );
}

function Live() {
  const status = useLive((live) => live.status);
  const paused = useLive((live) => live.paused);
  const waiting = useLive((live) => live.waiting);
  const heardAt = useLive((live) => live.heardAt);
  const setPaused = useLive((live) => live.setPaused);
  return <LiveIndicator live={status} paused={paused} waiting={waiting} heardAt={heardAt} onPause={setPaused} />;
}

const THEME_ICON = { system: Monitor, light: Sun, dark: Moon } as const;

function ThemeMenu() {
  const { t } = useTranslation("shell");
  const theme = usePrefs((prefs) => prefs.theme);
  const set = usePrefs((prefs) => prefs.set);
  const options = (["system", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }));
  return (
    <Menu trigger={<IconButton icon={THEME_ICON[theme]} label={`${t("theme.label")}: ${t(`theme.${theme}`)}`} tooltip={false} />}>
      <MenuChoice<Theme> label={t("theme.label")} value={theme} onChange={(next) => set({ theme: next })} options={options} />
    </Menu>
  );
}

export function useSignOut(): () => void {
  return () => {
    signOut().then(
      () => {
        liveSocket.close();
        // Everything that was loaded belongs to the session: a new start forgets it.
        location.assign("/dashboard/login");
      },
      (error: unknown) => toast("bad", error instanceof Error ? error.message : String(error)),
    );
  };
}

function UserMenu({ onKeys }: { onKeys: () => void }) {
  const { t } = useTranslation("shell");
  const { username, expiresAt } = useSession();
  const { density, singleKeys, set } = usePrefs();
  const leave = useSignOut();
  return (
    <Menu trigger={<IconButton icon={CircleUserRound} label={t("user.label")} tooltip={false} />}>
      {username !== null && <MenuLabel>{t("user.signedInAs", { name: username })}</MenuLabel>}
      {expiresAt !== null && (
        <MenuLabel>
          <span title={fullTime(expiresAt)}>{t("user.expires", { when: ago(expiresAt) })}</span>
        </MenuLabel>
      )}
      <MenuSeparator />
      <MenuChoice
        label={t("density.label")}
        value={density}
        onChange={(next) => set({ density: next })}
        options={(["comfortable", "compact"] as const).map((value) => ({ value, label: t(`density.${value}`) }))}
      />
      <MenuSeparator />
      <MenuCheck checked={singleKeys} onChange={(next) => set({ singleKeys: next })}>
        {t("user.singleKeys")}
      </MenuCheck>
      <MenuItem icon={Keyboard} hint="?" onSelect={onKeys}>
        {t("user.shortcuts")}
      </MenuItem>
      <MenuSeparator />
      <MenuItem icon={LogOut} onSelect={leave}>
        {t("user.signOut")}
      </MenuItem>
    </Menu>
  );
}
