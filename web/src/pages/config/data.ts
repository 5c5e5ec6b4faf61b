/** What the page asks the gateway for. */
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";

import { api, call, type Schemas } from "../../api/client";
import { ApiError, isRecord } from "../../api/error";
import { useLiveState, usePollInterval } from "../../live";
import { SchemaBook } from "./schema";

export const CHECK_DELAY = 300; // ms after the last key

/** The text of the file; asked for again when the gateway says that something has happened to it. */
export function useRaw() {
  const state = useLiveState("config");
  const queries = useQueryClient();
  const raw = useQuery({ queryKey: ["config", "raw"], queryFn: () => call(api.GET("/api/dashboard/config/raw")), refetchInterval: usePollInterval() });
  const seen = isRecord(state) ? JSON.stringify([state.version, state.problems]) : null;
  useEffect(() => {
    // What came with the page may be older than what the gateway says first.
    if (seen !== null) void queries.invalidateQueries({ queryKey: ["config"] });
  }, [seen, queries]);
  return raw;
}

export function useBook(): { book: SchemaBook | null; error: unknown; retry: () => void } {
  const { data, error, refetch } = useQuery({ queryKey: ["config-schema"], queryFn: () => call(api.GET("/api/dashboard/config/schema")), staleTime: Infinity });
  const book = useMemo(() => (data === undefined ? null : new SchemaBook(data)), [data]);
  return { book, error, retry: () => void refetch() };
}

export function useCurrent() {
  return useQuery({ queryKey: ["config", "current"], queryFn: () => call(api.GET("/api/dashboard/config/current")), refetchInterval: usePollInterval() });
}

export type Check = {
  /** The newest answer; of an older text while the newer one is looked at. */
  data: Schemas["ConfigCheck"] | undefined;
  /** It is about the text as it is now. */
  settled: boolean;
  error: unknown;
};

/** What the gateway says of a text, some time after the last key. */
export function useCheck(text: string, version: string): Check {
  const settled = useSettled(text, CHECK_DELAY);
  const query = useQuery({
    queryKey: ["config", "check", version, settled],
    queryFn: ({ signal }) => call(api.POST("/api/dashboard/config/validate", { body: { yaml: settled }, signal })),
    placeholderData: keepPreviousData,
    gcTime: 0,
    retry: false,
  });
  return { data: query.data, settled: settled === text && !query.isPlaceholderData && query.data !== undefined, error: query.error };
}

function useSettled(value: string, ms: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

export type Applied = Schemas["Applied"];

/** Writes a text over the one of `version`, and puts it in force. */
export async function apply(yaml: string, version: string): Promise<Applied> {
  const answer = await call(api.PUT("/api/dashboard/config/apply", { body: { yaml, config_version: version } }));
  if (!("config_version" in answer)) throw new ApiError(0, { error: "unknown", message: "not applied" });
  return answer;
}

/** Back to the text of `before`, secrets and all, if the file is still that of `version`. */
export function undo(before: string, version: string): Promise<unknown> {
  return call(api.POST("/api/dashboard/config/undo", { params: { header: { "if-match": `"${version}"` } }, body: { version: before } }));
}

export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.error === "config_conflict";
}

/** The change that a file that cannot be written would have needed. */
export function patchOf(error: unknown): string | undefined {
  return error instanceof ApiError && error.error === "read_only" && typeof error.body.diff === "string" ? error.body.diff : undefined;
}
