/** What the page asks the gateway for, and how it changes it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, call, type Schemas } from "../../api/client";
import { ApiError, isRecord } from "../../api/error";
import { useLiveState, usePollInterval } from "../../live";
import { readHealth } from "./standing";
import type { NewProvider, ProviderChange } from "./form";

export type Preview = Schemas["Preview"];
export type Trial = Schemas["Trial"];
export type Figures = Schemas["NamedSeries"];

const LIST = ["providers", "list"];
const WINDOW = 3_600_000; // ms

export function useProviders() {
  const every = usePollInterval();
  return useQuery({ queryKey: LIST, queryFn: () => call(api.GET("/api/dashboard/providers")), refetchInterval: every });
}

export function useProvider(id: string) {
  return useQuery({ queryKey: ["providers", "one", id], queryFn: () => call(api.GET("/api/dashboard/providers/{id}", { params: { path: { id } } })) });
}

export function usePresets() {
  return useQuery({ queryKey: ["providers", "presets"], queryFn: () => call(api.GET("/api/dashboard/providers/presets")), staleTime: 60_000 });
}

export type HourOf = { of: (name: string) => Figures | undefined; none: boolean; error: unknown };

/** Requests of the last hour by provider; nothing where no request log is kept. */
export function useLastHour() {
  return useQuery({
    queryKey: ["providers", "hour"],
    queryFn: async (): Promise<readonly Figures[] | null> => {
      const to = Date.now();
      try {
        const found = await call(api.GET("/api/dashboard/metrics/series", { params: { query: { by: "credential", from: to - WINDOW, to, step: "60", top: 20 } } }));
        return found.groups;
      } catch (error) {
        if (error instanceof ApiError && error.error === "no_request_log") return null;
        throw error;
      }
    },
    refetchInterval: 30_000,
  });
}

export function useEvents(id: string, stamp: string) {
  return useQuery({
    // Anew when its state has changed.
    queryKey: ["providers", "events", id, stamp],
    queryFn: () => call(api.GET("/api/dashboard/providers/{id}/events", { params: { path: { id } } })),
    placeholderData: (before) => before,
  });
}

/** Asks again when another configuration is in force. */
export function useHealth() {
  const queries = useQueryClient();
  const config = useLiveState("config");
  const version = isRecord(config) && typeof config.version === "string" ? config.version : null;
  useEffect(() => {
    if (version !== null) void queries.invalidateQueries({ queryKey: ["providers"] });
  }, [version, queries]);
  return readHealth(useLiveState("health"));
}

const matching = (version: string) => ({ "if-match": `"${version}"` });

export function previewNew(body: NewProvider): Promise<Preview> {
  return call(api.POST("/api/dashboard/providers", { body, params: { query: { dry_run: true } } })) as Promise<Preview>;
}

export function saveNew(body: NewProvider, version: string): Promise<Schemas["ProviderChanged"]> {
  return call(api.POST("/api/dashboard/providers", { body, params: { header: matching(version) } })) as Promise<Schemas["ProviderChanged"]>;
}

export function previewChange(id: string, body: ProviderChange, version: string): Promise<Preview> {
  return call(api.PATCH("/api/dashboard/providers/{id}", { body, params: { path: { id }, query: { dry_run: true }, header: matching(version) } })) as Promise<Preview>;
}

export function saveChange(id: string, body: ProviderChange, version: string): Promise<Schemas["ProviderChanged"]> {
  return call(api.PATCH("/api/dashboard/providers/{id}", { body, params: { path: { id }, header: matching(version) } })) as Promise<Schemas["ProviderChanged"]>;
}

export function previewDelete(id: string): Promise<Preview> {
  return call(api.DELETE("/api/dashboard/providers/{id}", { params: { path: { id }, query: { dry_run: true } } })) as Promise<Preview>;
}

export function remove(id: string, version: string): Promise<Schemas["Changed"]> {
  return call(api.DELETE("/api/dashboard/providers/{id}", { params: { path: { id }, header: matching(version) } })) as Promise<Schemas["Changed"]>;
}

/** Turns one on or off: shown at once, taken back when the gateway refuses. */
export function useSwitch(onError: (error: unknown) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, disabled }: { id: string; disabled: boolean }) => call(api.PATCH("/api/dashboard/providers/{id}", { body: { disabled }, params: { path: { id } } })),
    onMutate: async ({ id, disabled }) => {
      await queries.cancelQueries({ queryKey: LIST });
      const before = queries.getQueryData<Schemas["ProviderList"]>(LIST);
      if (before !== undefined) {
        queries.setQueryData(LIST, { ...before, providers: before.providers.map((each) => (each.id === id ? { ...each, disabled } : each)) });
      }
      return { before };
    },
    onError: (error, _, context) => {
      if (context?.before !== undefined) queries.setQueryData(LIST, context.before);
      onError(error);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["providers"] }),
  });
}
