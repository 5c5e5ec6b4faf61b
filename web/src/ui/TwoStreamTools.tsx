import { ChevronDown, ChevronUp, Download, Pause, Play, RotateCcw, StepForward } from "lucide-react";
import { useTranslation } from "react-i18next";

import { copyText } from "../lib/clipboard";
import { download } from "../lib/download";
import { Button } from "./Button";
import { Input, Select, Switch } from "./Field";
import { IconButton } from "./IconButton";
import { Menu, MenuItem, MenuSeparator } from "./Menu";
import { toast } from "./toasts";
import styles from "./TwoStream.module.css";
import { type Side, sideText, type Streams, testCase } from "./twoStream";
import type { Playback, Speed } from "./usePlayback";

export type StreamView = { pretty: boolean; wrap: boolean; realTime: boolean; hideKeepalives: boolean; borders: boolean };

type Search = { text: string; onText: (text: string) => void; at: number; count: number; onMove: (by: 1 | -1) => void };

export type TwoStreamToolsProps = {
  id: string;
  streams: Streams;
  view: StreamView;
  onView: (view: StreamView) => void;
  playback: Playback;
  /** Rows there are to play. */
  count: number;
  search: Search;
  running: boolean;
};

/** Everything above the two streams. */
export function TwoStreamTools({ id, streams, view, onView, playback, count, search, running }: TwoStreamToolsProps) {
  const { t } = useTranslation("streams");
  const set = (change: Partial<StreamView>) => onView({ ...view, ...change });
  return (
    <div role="group" className={styles.tools} aria-label={t("toolbar")}>
      <Switch label={t("pretty")} checked={view.pretty} onChange={(pretty) => set({ pretty })} />
      <Switch label={t("wrap")} checked={view.wrap} disabled={view.pretty} onChange={(wrap) => set({ wrap })} />
      <Switch label={t("realTime")} checked={view.realTime} onChange={(realTime) => set({ realTime })} />
      <Switch label={t("hideKeepalives")} checked={view.hideKeepalives} onChange={(hideKeepalives) => set({ hideKeepalives })} />
      <Switch label={t("borders")} checked={view.borders} disabled={view.pretty} onChange={(borders) => set({ borders })} />
      <span className={styles.search}>
        <Input
          small
          type="search"
          value={search.text}
          aria-label={t("search")}
          placeholder={t("searchPlaceholder")}
          onChange={(event) => search.onText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") search.onMove(event.shiftKey ? -1 : 1);
          }}
        />
        {search.text !== "" && (
          <>
            <span className={styles.hits} role="status">
              {search.count === 0 ? t("foundNone") : t("found", { at: search.at === -1 ? "–" : search.at + 1, count: search.count })}
            </span>
            <IconButton icon={ChevronUp} small label={t("previous")} disabled={search.count === 0} onClick={() => search.onMove(-1)} />
            <IconButton icon={ChevronDown} small label={t("next")} disabled={search.count === 0} onClick={() => search.onMove(1)} />
          </>
        )}
      </span>
      {!running && <PlaybackTools playback={playback} count={count} />}
      {!running && <TakeMenu id={id} streams={streams} />}
    </div>
  );
}

function PlaybackTools({ playback, count }: { playback: Playback; count: number }) {
  const { t } = useTranslation("streams");
  const { shown, playing, speed } = playback;
  return (
    <span className={styles.playback}>
      <IconButton icon={playing ? Pause : Play} small label={playing ? t("pause") : t("play")} disabled={count === 0} onClick={playback.toggle} />
      <IconButton icon={StepForward} small label={t("step")} disabled={count === 0} onClick={playback.step} />
      <Select
        small
        aria-label={t("speed")}
        className={styles.speed}
        value={speed}
        onChange={(event) => playback.setSpeed(event.target.value as Speed)}
        options={[
          { value: "1", label: t("speed1") },
          { value: "4", label: t("speed4") },
        ]}
      />
      {shown !== null && (
        <>
          <span className={styles.hits}>{t("playing", { shown: Math.min(shown, count), count })}</span>
          <IconButton icon={RotateCcw} small label={t("all")} onClick={playback.all} />
        </>
      )}
    </span>
  );
}

function TakeMenu({ id, streams }: { id: string; streams: Streams }) {
  const { t } = useTranslation("streams");
  const copy = (side: Side) => {
    void copyText(sideText(streams.rows, side)).then((ok) => toast(ok ? "ok" : "bad", ok ? t("copied") : t("copyFailed")));
  };
  const save = (side: Side) => download(`${id}.${side}.sse`, sideText(streams.rows, side), "text/event-stream;charset=utf-8");
  return (
    <Menu
      trigger={
        <Button small icon={Download}>
          {t("take")}
        </Button>
      }
    >
      <MenuItem onSelect={() => copy("upstream")}>{t("copyUpstream")}</MenuItem>
      <MenuItem onSelect={() => copy("client")}>{t("copyClient")}</MenuItem>
      <MenuSeparator />
      <MenuItem onSelect={() => save("upstream")}>{t("saveUpstream")}</MenuItem>
      <MenuItem onSelect={() => save("client")}>{t("saveClient")}</MenuItem>
      <MenuItem onSelect={() => download(`${id}.case.json`, testCase(id, streams), "application/json")}>{t("saveCase")}</MenuItem>
    </Menu>
  );
}
