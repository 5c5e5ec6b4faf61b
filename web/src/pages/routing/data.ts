/** What the page asks the gateway for. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { ApiError, isRecord } from "../../api/error";
import { useLiveState, usePollInterval } from "../../live";
import type { Change } from "./draft";

export type Answer = Schemas["RouteAnswer"];
export type Explanation = Schemas["RouteExplanation"];
export type Preview = Schemas["Preview"];

const DELAY = 250; // ms after the last key
const REFRESH = 5_000; // ms: the health of providers decides, too

/** The rules in force; asked for again when the configuration changes. */
export function useRules() {
  const state = useLiveState("config");
  const queries = useQueryClient();
  const rules = useQuery({ queryKey: ["routing", "rules"], queryFn: () => call(api.GET("/api/dashboard/routing")), refetchInterval: usePollInterval() });
  const inForce = isRecord(state) ? state.version : undefined;
  const known = rules.data?.version;
  useEffect(() => {
    if (inForce !== undefined && known !== undefined && inForce !== known) void queries.invalidateQueries({ queryKey: ["routing"] });
  }, [inForce, known, queries]);
  return rules;
}

export function useModels(): readonly string[] {
  const { data } = useQuery({ queryKey: ["models"], queryFn: () => call(api.GET("/api/dashboard/models")), staleTime: 60_000 });
  return data?.models.map((model) => model.name).filter((name) => !/[*?]/.test(name)) ?? [];
}

export function useKeys(): readonly Schemas["AuthKey"][] {
  const { data } = useQuery({ queryKey: ["auth-keys"], queryFn: () => call(api.GET("/api/dashboard/auth-keys")), staleTime: 60_000 });
  return data?.auth_keys ?? [];
}

export type Question = { model: string; format: Schemas["RouteQuestion"]["format"]; key: string | null; stream: boolean; headers: Record<string, string>; body: Record<string, unknown> | null };

/** Where a request would go, some time after the last key; `edited` are rules that are not saved. */
export function useExplain(question: Question, edited: Change | null) {
  const asked = useSettled(JSON.stringify([question, edited]));
  const [{ key, ...rest }, override] = JSON.parse(asked) as [Question, Change | null];
  return useQuery({
    queryKey: ["routing", "explain", asked],
    queryFn: ({ signal }) =>
      call(api.POST("/api/dashboard/routing/explain", { body: { ...rest, source_format: null, endpoint: null, api_key_id: key, key: null, routing_override: override }, signal })),
    enabled: rest.model.trim() !== "",
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });
}

/** What saving would come to, or why it would be refused. */
export function usePreview(change: Change | null, version: string) {
  const asked = useSettled(JSON.stringify(change));
  const query = useQuery({
    queryKey: ["routing", "preview", version, asked],
    queryFn: () => preview(JSON.parse(asked) as Change),
    enabled: asked !== "null",
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });
  return { ...query, settled: asked === JSON.stringify(change) && !query.isFetching };
}

async function preview(change: Change): Promise<Preview> {
  const answer = await call(api.PATCH("/api/dashboard/routing", { params: { query: { dry_run: true } }, body: change }));
  if (!("dry_run" in answer)) throw new ApiError(0, { error: "unknown", message: "no preview" });
  return answer;
}

export async function save(change: Change, version: string): Promise<Schemas["RoutingChanged"]> {
  const answer = await call(api.PATCH("/api/dashboard/routing", { params: { header: { "if-match": `"${version}"` } }, body: change }));
  if ("dry_run" in answer) throw new ApiError(0, { error: "unknown", message: "not saved" });
  return answer;
}

/** Back to the file of before, comments and all, if it is still that of `version`. */
export function undo(before: string, version: string): Promise<unknown> {
  return call(api.POST("/api/dashboard/config/undo", { params: { header: { "if-match": `"${version}"` } }, body: { version: before } }));
}

function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), DELAY);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
