import { beforeEach, describe, expect, it } from "vitest";

import { backoff } from "./backoff";
import { readFrame } from "./frames";
import type { Row } from "./rows";
import type { Span } from "./sequence";
import { HIDDEN_LIMIT, LiveSocket, type LiveStatus, ROW_FLUSH, type Socket, STATE_FLUSH, type Timer } from "./socket";

/** The world around the socket, with a clock that is turned by hand. */
class World {
  now = 0;
  online = true;
  tickets = 0;
  refuseTickets = false;
  renewals: boolean[] = [];
  sockets: FakeSocket[] = [];
  statuses: LiveStatus["state"][] = [];
  rows: { at: number; channel: string; rows: Row<unknown>[] }[] = [];
  states: { at: number; values: Record<string, unknown> }[] = [];
  missing: Record<string, readonly Span[]> = {};
  resets: string[] = [];
  private timers = new Map<number, { at: number; run: () => void }>();
  private next = 1;

  readonly live = new LiveSocket(
    {
      ticket: () => {
        this.tickets += 1;
        return this.refuseTickets ? Promise.reject(new Error("no")) : Promise.resolve(`ticket-${this.tickets}`);
      },
      open: (ticket) => {
        const socket = new FakeSocket(ticket);
        this.sockets.push(socket);
        return socket;
      },
      renewSession: () => Promise.resolve(this.renewals.shift() ?? false),
      online: () => this.online,
      now: () => this.now,
      random: () => 1,
      setTimer: (run, ms) => {
        this.timers.set(this.next, { at: this.now + ms, run });
        this.next += 1;
        return (this.next - 1) as unknown as Timer;
      },
      clearTimer: (timer) => this.timers.delete(timer as unknown as number),
    },
    {
      status: (status) => this.statuses.push(status.state),
      hello: () => undefined,
      states: (states) => this.states.push({ at: this.now, values: Object.fromEntries(states) }),
      rows: (channel, rows) => this.rows.push({ at: this.now, channel, rows }),
      missing: (channel, spans) => {
        this.missing[channel] = spans;
      },
      reset: (channel) => this.resets.push(channel),
    },
  );

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket yet");
    return socket;
  }

  get seen(): number[] {
    return this.rows.flatMap((flush) => flush.rows.map((row) => row.seq));
  }

  /** Lets promises settle, then runs the timers that fall into `ms`. */
  async pass(ms = 0): Promise<void> {
    await settle();
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers.entries()].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
      await settle();
    }
    this.now = end;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
}

class FakeSocket implements Socket {
  sent: { type: string; channels: string[]; after: Record<string, number> }[] = [];
  closed = false;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly ticket: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as (typeof this.sent)[number]);
  }

  close(): void {
    this.closed = true;
    this.onclose?.({ code: 1000 });
  }

  says(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hello(seq = 0): void {
    this.says({ type: "hello", version: "1", channels: { request_log: { seq }, log: { seq: 0 } }, expires_in: 3600 });
  }

  row(seq: number): void {
    this.says({ type: "request_log", seq, data: { id: seq } });
  }
}

let world: World;

beforeEach(() => {
  world = new World();
});

async function connected(seq = 0): Promise<() => void> {
  const release = world.live.hold("request_log");
  await world.pass();
  world.socket.hello(seq);
  return release;
}

describe("connecting", () => {
  it("does nothing until a page wants something", async () => {
    await world.pass(60_000);
    expect(world.tickets).toBe(0);
  });

  it("gets a ticket, says hello, asks for what is held", async () => {
    world.live.hold("metrics");
    await connected(7);
    expect(world.socket.ticket).toBe("ticket-1");
    expect(world.socket.sent).toEqual([{ type: "subscribe", channels: ["metrics", "request_log"], after: { request_log: 7 } }]);
    expect(world.statuses.at(-1)).toBe("live");
  });

  it("counts who holds a channel, and says nothing when a page gives way to the next", async () => {
    const first = await connected();
    const second = world.live.hold("request_log");
    first();
    await world.pass();
    expect(world.socket.sent).toHaveLength(1);
    second();
    second();
    await world.pass();
    expect(world.socket.sent.at(-1)?.channels).toEqual([]);
  });

  it("waits 0.5 s, doubling to 30 s, with a new ticket each time, and without end", async () => {
    world.live.hold("metrics");
    const waits: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await world.pass();
      const before = world.now;
      world.socket.onclose?.({ code: 1006 });
      const opened = world.sockets.length;
      while (world.sockets.length === opened) await world.pass(100);
      waits.push(world.now - before);
    }
    expect(waits.map((wait) => Math.round(wait / 500) * 500)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000, 30_000]);
    expect(new Set(world.sockets.map((socket) => socket.ticket)).size).toBe(13);
  });

  it("falls back to polling when the socket never opens, and comes out of it", async () => {
    world.live.hold("metrics");
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const opened = world.sockets.length;
      while (world.sockets.length === opened) await world.pass(100);
      world.socket.onclose?.({ code: 1006 });
    }
    expect(world.live.status).toEqual({ state: "polling", reason: { kind: "refused" } });
    const tried = world.sockets.length;
    while (world.sockets.length === tried) await world.pass(100);
    world.socket.hello();
    expect(world.live.status.state).toBe("live");
  });

  it("says so when there are no tickets", async () => {
    world.refuseTickets = true;
    world.live.hold("metrics");
    await world.pass(20_000);
    expect(world.live.status).toEqual({ state: "polling", reason: { kind: "ticket", message: "no" } });
  });

  it("gives up on a connection that leads nowhere", async () => {
    world.live.hold("metrics");
    await world.pass(10_001);
    expect(world.sockets[0]?.closed).toBe(true);
    await world.pass(1_000);
    expect(world.sockets).toHaveLength(2);
  });

  it("waits for the network, and tries at once when it is back", async () => {
    world.online = false;
    world.live.hold("metrics");
    await world.pass(60_000);
    expect(world.live.status.state).toBe("offline");
    world.online = true;
    world.live.network();
    await world.pass();
    expect(world.sockets).toHaveLength(1);
  });

  it("renews the session once without a word when it is over", async () => {
    await connected();
    world.renewals = [true];
    world.socket.onclose?.({ code: 4401 });
    await world.pass();
    expect(world.sockets).toHaveLength(2);
    world.socket.onclose?.({ code: 4401 });
    await world.pass(100);
    expect(world.live.status.state).toBe("waiting");
  });
});

describe("rows", () => {
  it("come at most every 250 ms", async () => {
    await connected();
    for (let seq = 1; seq <= 100; seq += 1) {
      world.socket.row(seq);
      await world.pass(20);
    }
    await world.pass(ROW_FLUSH);
    expect(world.seen).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    const times = world.rows.map((flush) => flush.at);
    expect(Math.min(...times.slice(1).map((time, at) => time - (times[at] ?? 0)))).toBeGreaterThanOrEqual(ROW_FLUSH);
  });

  it("resume after a break, none lost and none doubled", async () => {
    await connected(3);
    world.socket.row(4);
    world.socket.onclose?.({ code: 1006 });
    await world.pass(600);
    world.socket.hello(6);
    expect(world.socket.sent[0]?.after).toEqual({ request_log: 4 });
    for (const seq of [4, 5, 6, 7]) world.socket.row(seq);
    await world.pass(ROW_FLUSH);
    expect(world.seen).toEqual([4, 5, 6, 7]);
  });

  it("that are in a gap are asked for by REST, and come once", async () => {
    await connected(3);
    world.socket.says({ type: "gap", channel: "request_log", from: 4, to: 9 });
    world.socket.row(10);
    await world.pass(ROW_FLUSH);
    expect(world.missing.request_log).toEqual([{ from: 4, to: 9 }]);
    const filled = [4, 5, 6, 7, 8, 10].map((seq) => ({ seq, data: {} }));
    world.live.filled("request_log", { from: 4, to: 9 }, filled);
    expect(world.seen).toEqual([10, 4, 5, 6, 7, 8]);
    expect(world.missing.request_log).toEqual([]);
  });

  it("of a store that has begun anew are not mixed with the old", async () => {
    await connected(50);
    world.socket.row(51);
    world.socket.onclose?.({ code: 1006 });
    await world.pass(600);
    world.socket.hello(2);
    await world.pass(ROW_FLUSH);
    expect(world.resets).toEqual(["request_log"]);
    expect(world.missing.request_log).toEqual([{ from: 1, to: 2 }]);
  });
});

describe("states", () => {
  it("come once a second, the newest alone", async () => {
    world.live.hold("metrics");
    await world.pass();
    world.socket.hello();
    for (let value = 0; value < 30; value += 1) {
      world.socket.says({ type: "metrics", data: value });
      await world.pass(100);
    }
    await world.pass(STATE_FLUSH);
    expect(world.states).toHaveLength(3);
    expect(world.states.at(-1)?.values).toEqual({ metrics: 29 });
  });
});

describe("a hidden tab", () => {
  it("asks for nothing after 30 s, and goes on where it was", async () => {
    await connected(3);
    world.live.visibility(false);
    await world.pass(HIDDEN_LIMIT - 1);
    expect(world.socket.sent).toHaveLength(1);
    await world.pass(1);
    expect(world.socket.sent.at(-1)?.channels).toEqual([]);
    world.live.visibility(true);
    expect(world.socket.sent.at(-1)).toEqual({ type: "subscribe", channels: ["request_log"], after: { request_log: 3 } });
  });

  it("does not mind being hidden for a moment", async () => {
    await connected();
    world.live.visibility(false);
    await world.pass(1000);
    world.live.visibility(true);
    await world.pass(60_000);
    expect(world.socket.sent).toHaveLength(1);
  });
});

describe("frames", () => {
  it.each(["", "{", "[]", "null", '"x"', '{"type":"new thing"}', '{"type":"request_log","data":{}}', '{"type":"request_log","seq":-1}', '{"type":"gap","channel":"metrics","from":1,"to":2}', '{"type":"gap","channel":"log","from":"1","to":2}'])(
    "leaves %j alone",
    (text) => {
      expect(readFrame(text)).toBeNull();
    },
  );
});

it("jitters over the whole range", () => {
  expect([backoff(0, 0), backoff(0, 1), backoff(3, 0.5), backoff(99, 1)]).toEqual([0, 500, 2000, 30_000]);
});
