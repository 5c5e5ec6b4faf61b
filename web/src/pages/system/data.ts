/** What the page asks the gateway for. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, call, fetchRaw, type Schemas } from "../../api/client";
import { download } from "../../lib/download";
import { useLive } from "../../live";

export type SystemInfo = Schemas["SystemInfo"];
export type Workers = Schemas["Workers"];
export type AuditRecord = Schemas["Record"];

const EVERY = 5_000; // ms
const PAGE = 50;
const BUNDLE = "/api/dashboard/system/support";

export function useInfo() {
  const paused = useLive((live) => live.paused);
  return useQuery({ queryKey: ["system", "info"], queryFn: () => call(api.GET("/api/dashboard/system/info")), refetchInterval: paused ? false : EVERY });
}

export function useWorkers() {
  const paused = useLive((live) => live.paused);
  return useQuery({ queryKey: ["system", "workers"], queryFn: () => call(api.GET("/api/dashboard/system/workers")), refetchInterval: paused ? false : EVERY });
}

export function useAudit() {
  return useInfiniteQuery({
    queryKey: ["system", "audit"],
    queryFn: ({ pageParam }) => call(api.GET("/api/dashboard/system/audit", { params: { query: { limit: PAGE, ...(pageParam !== null && { before: pageParam }) } } })),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.before,
  });
}

export function useReload() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => call(api.POST("/api/dashboard/config/reload")),
    // A refused reading is one of the readings as well.
    onSettled: () => queries.invalidateQueries({ queryKey: ["system"] }),
  });
}

export function useBundleContents() {
  return useQuery({ queryKey: ["system", "support"], queryFn: () => call(api.GET("/api/dashboard/system/support", { params: { query: { list: true } } })), staleTime: Infinity });
}

/** Saves the bundle as a file; gives its name. */
export async function saveBundle(): Promise<string> {
  const response = await fetchRaw(BUNDLE);
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "aigw-support.json";
  download(name, await response.blob());
  return name;
}
