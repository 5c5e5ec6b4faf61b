import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Boxes, Contrast, Keyboard, LogOut, Pause, Rows3, Search, SquareArrowOutUpRight, Waypoints } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, call } from "../api/client";
import { useLive } from "../live";
import { isDark, usePrefs } from "../live/prefs";
import { CommandPalette, type Command } from "../ui/CommandPalette";
import { useSignOut } from "./Header";
import { PAGES } from "./pages";

/** What an id of a request looks like: a UUID with or without its dashes, or the id a client has sent. */
const REQUEST_ID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$|^req[-_][\w-]{6,}$/i;

/** So old may what is offered be. */
const FRESH = 60_000; // ms

/** Providers and models by name; nothing until the gateway has said, or when it will not. */
function useNames(): { providers: Command[]; models: Command[] } {
  const navigate = useNavigate();
  const providers = useQuery({ queryKey: ["providers", "list"], queryFn: () => call(api.GET("/api/dashboard/providers")), staleTime: FRESH });
  const models = useQuery({ queryKey: ["palette", "models"], queryFn: () => call(api.GET("/api/dashboard/models")), staleTime: FRESH });
  return {
    providers: (providers.data?.providers ?? []).map(({ id, name }) => ({
      id: `provider ${id}`,
      label: name,
      icon: Waypoints,
      run: () => void navigate({ to: "/providers", search: { id } }),
    })),
    models: (models.data?.models ?? []).map(({ name }) => ({
      id: `model ${name}`,
      label: name,
      icon: Boxes,
      run: () => void navigate({ to: "/models", search: { ask: name } }),
    })),
  };
}

export default function Palette({ onClose, onKeys }: { onClose: () => void; onKeys: () => void }) {
  const { t } = useTranslation("shell");
  const navigate = useNavigate();
  const prefs = usePrefs();
  const leave = useSignOut();
  const { providers, models } = useNames();
  const [text, setText] = useState("");
  const typed = text.trim();

  const pages: Command[] = PAGES.map(({ name, path, icon, key }) => ({
    id: name,
    label: t(`nav.${name}`),
    icon,
    ...(key !== undefined && { hint: `g ${key}` }),
    run: () => void navigate({ to: path }),
  }));
  const actions: Command[] = [
    { id: "theme", label: t("palette.toggleTheme"), icon: Contrast, run: () => prefs.set({ theme: isDark(prefs.theme) ? "light" : "dark" }) },
    { id: "density", label: t("palette.toggleDensity"), icon: Rows3, run: () => prefs.set({ density: prefs.density === "compact" ? "comfortable" : "compact" }) },
    { id: "pause", label: t("palette.pause"), icon: Pause, hint: "p", run: () => useLive.getState().setPaused(!useLive.getState().paused) },
    { id: "keys", label: t("palette.shortcuts"), icon: Keyboard, hint: "?", run: onKeys },
    { id: "leave", label: t("palette.signOut"), icon: LogOut, run: leave },
  ];
  const requests: Command[] = REQUEST_ID.test(typed)
    ? [{ id: "open", label: t("palette.openRequest", { id: typed }), icon: SquareArrowOutUpRight, made: true, run: () => void navigate({ to: "/requests/$id", params: { id: typed } }) }]
    : typed.length > 2
      ? [{ id: "find", label: t("palette.searchRequests", { text: typed }), icon: Search, made: true, run: () => void navigate({ to: "/requests", search: { q: typed } }) }]
      : [];
  return (
    <CommandPalette
      label={t("palette.label")}
      placeholder={t("palette.placeholder")}
      empty={t("palette.empty", { text: typed })}
      text={text}
      onText={setText}
      onClose={onClose}
      groups={[
        { label: t("palette.pages"), commands: pages },
        { label: t("palette.providers"), commands: providers },
        { label: t("palette.models"), commands: models },
        { label: t("palette.actions"), commands: actions },
        // Fits whatever is typed, so that a page by its name must come before.
        { label: t("palette.requests"), commands: requests },
      ]}
    />
  );
}
