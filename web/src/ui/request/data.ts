/** What is asked of the gateway about one request. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";

import { api, call } from "../../api/client";
import type { ApiError } from "../../api/error";
import type { components } from "../../api/schema";
import { isWireFormat } from "../../lib/answer";
import { type Asked, sampleBody } from "../../lib/snippets";
import type { StreamRow, Streams } from "../twoStream";

export type Entry = components["schemas"]["Entry"];
export type LogDetail = components["schemas"]["LogDetail"];
export type CaptureView = components["schemas"]["CaptureView"];
export type Captured = components["schemas"]["Captured"];

const STREAM_PAGE = 2000;

export function fetchDetail(id: string): Promise<LogDetail> {
  return call(api.GET("/api/dashboard/logs/{id}", { params: { path: { id } } }));
}

export function useDetail(id: string): UseQueryResult<LogDetail, ApiError> {
  return useQuery<LogDetail, ApiError>({ queryKey: ["logs", "one", id], queryFn: () => fetchDetail(id), staleTime: 60_000 });
}

/** All rows of both streams, page by page. */
export async function fetchStreams(id: string): Promise<Streams> {
  const page = (offset: number) => call(api.GET("/api/dashboard/logs/{id}/streams", { params: { path: { id }, query: { offset, limit: STREAM_PAGE } } }));
  const first = await page(0);
  const rows: StreamRow[] = [...first.rows];
  while (rows.length < first.total) {
    const next = await page(rows.length);
    if (next.rows.length === 0) break;
    rows.push(...next.rows);
  }
  return { ...first, rows };
}

export function useStreams(id: string, enabled: boolean): UseQueryResult<Streams, ApiError> {
  return useQuery<Streams, ApiError>({ queryKey: ["logs", "streams", id], queryFn: () => fetchStreams(id), enabled, staleTime: Infinity });
}

/** The request to make again: as it came in where that was kept, else one like it (`example`). */
export function askedAgain(entry: Entry, capture: CaptureView | null, text: string): Asked & { example: boolean } {
  const format = isWireFormat(entry.format) ? entry.format : "chat";
  const model = entry.model ?? "";
  const known = capture !== null && capture.request.kept === capture.request.size ? parsed(capture.request.body) : null;
  if (known !== null) return { format, model, stream: entry.stream, body: known, example: false };
  return { format, model, stream: entry.stream, body: sampleBody(format, model, text, entry.stream), example: true };
}

export function parsed(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
