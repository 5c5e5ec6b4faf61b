import { useQuery } from "@tanstack/react-query";

import { api, call, type Schemas } from "../../api/client";
import type { Detail } from "./form";

export type Preview = Schemas["Preview"];

/** Limits drain while one looks. */
const EVERY = 10_000; // ms

export function useKeys() {
  return useQuery({ queryKey: ["keys", "list"], queryFn: () => call(api.GET("/api/dashboard/auth-keys")), refetchInterval: EVERY });
}

export function keyDetail(id: string): Promise<Detail> {
  return call(api.GET("/api/dashboard/auth-keys/{id}", { params: { path: { id } } }));
}

export function useKey(id: string) {
  return useQuery({ queryKey: ["keys", "one", id], queryFn: () => keyDetail(id) });
}

const matching = (version: string) => ({ "if-match": `"${version}"` });

export function makeKey(body: Schemas["NewAuthKey"]): Promise<Schemas["AuthKeyMade"]> {
  return call(api.POST("/api/dashboard/auth-keys", { body })) as Promise<Schemas["AuthKeyMade"]>;
}

export function changeKey(id: string, body: Schemas["AuthKeyChange"], version: string): Promise<Schemas["AuthKeyChanged"]> {
  return call(api.PATCH("/api/dashboard/auth-keys/{id}", { body, params: { path: { id }, header: matching(version) } })) as Promise<Schemas["AuthKeyChanged"]>;
}

export function previewDelete(id: string): Promise<Preview> {
  return call(api.DELETE("/api/dashboard/auth-keys/{id}", { params: { path: { id }, query: { dry_run: true } } })) as Promise<Preview>;
}

export function removeKey(id: string, version: string): Promise<Schemas["Changed"]> {
  return call(api.DELETE("/api/dashboard/auth-keys/{id}", { params: { path: { id }, header: matching(version) } })) as Promise<Schemas["Changed"]>;
}
