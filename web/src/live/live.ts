/** What has come over the live connection, for pages to read. */
import { create } from "zustand";

import type { RowChannel, StateChannel } from "./frames";
import { mergeRows, pushPoint, type Row } from "./rows";
import type { Span } from "./sequence";
import type { LiveStatus } from "./socket";

export type Rows = {
  /** Oldest first, at most 5,000. */
  rows: readonly Row<unknown>[];
  /** Not received, and not yet filled by REST. */
  missing: readonly Span[];
  /** Rises when the store behind has begun anew. */
  epoch: number;
};

/** One `metrics` value with the time (Unix ms) it came. */
export type Point = { at: number; data: unknown };

export type LiveState = {
  status: LiveStatus;
  /** Unix ms of the newest frame: since when what is shown is stale. */
  heardAt: number | null;
  /** The version the gateway said in `hello`. */
  version: string | null;
  /** Whether the person has stopped the flow; values still come, views hold theirs. */
  paused: boolean;
  /** How many rows came since. */
  waiting: number;
  states: Partial<Record<StateChannel, unknown>>;
  /** The last 600 values of `metrics`. */
  points: readonly Point[];
  channels: Record<RowChannel, Rows>;

  setPaused: (paused: boolean) => void;
  setStatus: (status: LiveStatus) => void;
  hello: (version: string) => void;
  takeStates: (states: ReadonlyMap<StateChannel, unknown>, at: number) => void;
  takeRows: (channel: RowChannel, rows: readonly Row<unknown>[], at: number) => void;
  setMissing: (channel: RowChannel, missing: readonly Span[]) => void;
  reset: (channel: RowChannel) => void;
};

const NOTHING: Rows = { rows: [], missing: [], epoch: 0 };

export const useLive = create<LiveState>()((set) => ({
  status: { state: "off" },
  heardAt: null,
  version: null,
  paused: false,
  waiting: 0,
  states: {},
  points: [],
  channels: { request_log: NOTHING, log: NOTHING },

  setPaused: (paused) => set({ paused, waiting: 0 }),
  setStatus: (status) => set({ status }),
  hello: (version) => set({ version }),
  takeStates: (states, at) =>
    set((before) => ({
      states: { ...before.states, ...Object.fromEntries(states) },
      points: states.has("metrics") ? pushPoint(before.points, { at, data: states.get("metrics") }) : before.points,
      heardAt: at,
    })),
  takeRows: (channel, rows, at) =>
    set((before) => {
      const own = before.channels[channel];
      return {
        channels: { ...before.channels, [channel]: { ...own, rows: mergeRows(own.rows, rows) } },
        waiting: before.paused ? before.waiting + rows.length : 0,
        heardAt: at,
      };
    }),
  setMissing: (channel, missing) =>
    set((before) => ({ channels: { ...before.channels, [channel]: { ...before.channels[channel], missing } } })),
  reset: (channel) =>
    set((before) => ({
      channels: { ...before.channels, [channel]: { rows: [], missing: [], epoch: before.channels[channel].epoch + 1 } },
    })),
}));
