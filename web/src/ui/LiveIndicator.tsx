import clsx from "clsx";
import { CirclePause, CloudOff, Pause, Play, RefreshCw, Timer, WifiOff } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { time } from "../lib/format";
import { useNow } from "../lib/useNow";
import { useShortcut } from "../lib/useShortcut";
import type { LiveStatus } from "../live/socket";
import { IconButton } from "./IconButton";
import styles from "./LiveIndicator.module.css";
import type { Tone } from "./Status";
import status from "./Status.module.css";
import { Tooltip } from "./Tooltip";

/** After so long without a connection what is shown is called stale. */
const STALE_AFTER = 15_000; // ms

export type LiveIndicatorProps = {
  live: LiveStatus;
  paused: boolean;
  waiting: number;
  /** Unix ms of the newest frame. */
  heardAt: number | null;
  onPause: (paused: boolean) => void;
};

/** Whether what is shown is of now, in a word and a sign. */
export function LiveIndicator({ live, paused, waiting, heardAt, onPause }: LiveIndicatorProps) {
  const { t } = useTranslation();
  useShortcut("Space", () => onPause(!paused));
  useShortcut("p", () => onPause(!paused));
  const now = useNow(1000, live.state === "waiting");
  const { tone, icon, word, why } = useFace(live, paused, waiting, heardAt, now);
  const shown = (
    <span className={clsx(styles.indicator, status[tone])}>
      {icon}
      {/* A countdown must not be read out every second. */}
      <span className={styles.word} role={live.state === "waiting" ? undefined : "status"}>
        {word}
      </span>
    </span>
  );
  return (
    <span className={styles.indicator}>
      {why === undefined ? (
        shown
      ) : (
        <Tooltip text={why}>
          <button type="button" className={styles.why}>
            {shown}
          </button>
        </Tooltip>
      )}
      <IconButton icon={paused ? Play : Pause} small label={paused ? t("live.resume") : t("live.pause")} shortcut="p" onClick={() => onPause(!paused)} />
    </span>
  );
}

type Face = { tone: Tone; icon: ReactNode; word: string; why?: string };

function useFace(live: LiveStatus, paused: boolean, waiting: number, heardAt: number | null, now: number): Face {
  const { t } = useTranslation();
  switch (live.state) {
    case "offline":
      return { tone: "bad", icon: <WifiOff size={14} aria-hidden />, word: t("live.offline"), why: t("live.offlineWhy") };
    case "waiting": {
      if (heardAt !== null && now - heardAt > STALE_AFTER) {
        return { tone: "bad", icon: <CloudOff size={14} aria-hidden />, word: t("live.stale", { time: time(heardAt) }) };
      }
      const seconds = Math.ceil((live.retryAt - now) / 1000);
      const word = seconds > 0 ? t("live.reconnecting", { seconds }) : t("live.reconnectingNow");
      return { tone: "warn", icon: <RefreshCw size={14} aria-hidden />, word };
    }
    case "polling": {
      const reason = live.reason.kind === "ticket" ? t("live.reason.ticket", { message: live.reason.message }) : t("live.reason.refused");
      return { tone: "warn", icon: <Timer size={14} aria-hidden />, word: t("live.polling"), why: t("live.pollingWhy", { reason }) };
    }
    case "connecting":
      return { tone: "off", icon: <RefreshCw size={14} aria-hidden />, word: t("live.connecting") };
    case "off":
      return { tone: "off", icon: <span className={styles.pulse} aria-hidden />, word: t("live.off") };
    case "live":
      if (paused) {
        return { tone: "warn", icon: <CirclePause size={14} aria-hidden />, word: waiting > 0 ? t("live.pausedWaiting", { count: waiting }) : t("live.paused") };
      }
      return { tone: "ok", icon: <span className={styles.pulse} aria-hidden />, word: t("live.live") };
  }
}
