/** The frames of `/ws/dashboard`, read without trust. */

export const STATE_CHANNELS = ["metrics", "running", "health", "config"] as const;
export const ROW_CHANNELS = ["request_log", "log"] as const;

export type StateChannel = (typeof STATE_CHANNELS)[number];
export type RowChannel = (typeof ROW_CHANNELS)[number];
export type Channel = StateChannel | RowChannel;

export type Frame =
  | { type: "hello"; version: string; newest: Partial<Record<RowChannel, number>>; expiresIn: number | null }
  | { type: "state"; channel: StateChannel; data: unknown }
  | { type: "row"; channel: RowChannel; seq: number; data: unknown }
  | { type: "gap"; channel: RowChannel; from: number; to: number };

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

function whole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The frame, or null for one that this version does not know. */
export function readFrame(text: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const frame = record(value);
  if (frame === null) return null;
  const type = frame.type;
  if (type === "hello") {
    const channels = record(frame.channels) ?? {};
    const newest: Partial<Record<RowChannel, number>> = {};
    for (const channel of ROW_CHANNELS) {
      const seq = record(channels[channel])?.seq;
      if (whole(seq)) newest[channel] = seq;
    }
    const expires = frame.expires_in;
    return {
      type: "hello",
      version: typeof frame.version === "string" ? frame.version : "",
      newest,
      expiresIn: typeof expires === "number" ? expires : null,
    };
  }
  if (type === "gap") {
    const channel = ROW_CHANNELS.find((name) => name === frame.channel);
    const { from, to } = frame;
    return channel !== undefined && whole(from) && whole(to) ? { type: "gap", channel, from, to } : null;
  }
  const state = STATE_CHANNELS.find((name) => name === type);
  if (state !== undefined) return { type: "state", channel: state, data: frame.data };
  const rows = ROW_CHANNELS.find((name) => name === type);
  if (rows !== undefined && whole(frame.seq)) return { type: "row", channel: rows, seq: frame.seq, data: frame.data };
  return null;
}
