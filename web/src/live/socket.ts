/**
 * The one live connection of a page.
 *
 * Theory: pages hold channels (`hold`), counted, so that leaving one page for
 * another that wants the same channel says nothing to the gateway. While any is
 * held and the page is visible there is a connection; each one begins with a new
 * ticket. Row channels are accounted for in a `Sequence`, which outlives
 * connections: `after` resumes where it stands, and what could not be resumed
 * shows as missing, to be filled by REST.
 *
 * Rows are collected and handed on at most every 250 ms, states once a second.
 *
 * All that is outside comes in as `Surroundings`: tests run it by hand.
 */
import { backoff } from "./backoff";
import { type Channel, readFrame, ROW_CHANNELS, type RowChannel, type StateChannel } from "./frames";
import type { Row } from "./rows";
import { Sequence, type Span } from "./sequence";

export type LiveStatus =
  | { state: "off" }
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; retryAt: number }
  | { state: "polling"; reason: PollingReason }
  | { state: "offline" };

export type PollingReason = { kind: "refused" } | { kind: "ticket"; message: string };

export type Socket = {
  send: (text: string) => void;
  close: () => void;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
};

export type Timer = ReturnType<typeof setTimeout>;

export type Surroundings = {
  /** A single-use ticket. Throws when there is none to be had. */
  ticket: () => Promise<string>;
  open: (ticket: string) => Socket;
  /** Renews the session, asking the person if need be; whether it worked. */
  renewSession: () => Promise<boolean>;
  online: () => boolean;
  now: () => number;
  random: () => number;
  setTimer: (run: () => void, ms: number) => Timer;
  clearTimer: (timer: Timer) => void;
};

export type Listener = {
  status: (status: LiveStatus) => void;
  hello: (version: string, expiresIn: number | null) => void;
  states: (states: ReadonlyMap<StateChannel, unknown>) => void;
  rows: (channel: RowChannel, rows: Row<unknown>[]) => void;
  /** What is missing has changed. */
  missing: (channel: RowChannel, spans: readonly Span[]) => void;
  /** The store behind the channel has begun anew: forget its rows. */
  reset: (channel: RowChannel) => void;
};

export const ROW_FLUSH = 250; // ms
export const STATE_FLUSH = 1_000; // ms
export const HIDDEN_LIMIT = 30_000; // ms
const POLLING_AFTER = 4; // failures in a row without one good connection between
const HELLO_LIMIT = 10_000; // ms; a proxy may hold a connection open that leads nowhere
const SESSION_OVER = 4401;
const MOST_PENDING = 5_000;

export class LiveSocket {
  private readonly held = new Map<Channel, number>();
  private readonly sequences: Record<RowChannel, Sequence> = { request_log: new Sequence(), log: new Sequence() };
  private readonly pendingRows: Record<RowChannel, Row<unknown>[]> = { request_log: [], log: [] };
  private readonly changedMissing = new Set<RowChannel>();
  private pendingStates = new Map<StateChannel, unknown>();

  private socket: Socket | null = null;
  private greeted = false;
  private opening = false;
  private failures = 0;
  private renewals = 0;
  private hiddenFor: "no" | "short" | "long" = "no";
  private wanted = "";
  private current: LiveStatus = { state: "off" };

  private retryTimer: Timer | null = null;
  private rowTimer: Timer | null = null;
  private stateTimer: Timer | null = null;
  private hiddenTimer: Timer | null = null;
  private helloTimer: Timer | null = null;

  constructor(
    private readonly outside: Surroundings,
    private readonly listener: Listener,
  ) {}

  get status(): LiveStatus {
    return this.current;
  }

  /** Asks for a channel until the returned function is called. */
  hold(channel: Channel): () => void {
    this.held.set(channel, (this.held.get(channel) ?? 0) + 1);
    this.adjust();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const left = (this.held.get(channel) ?? 1) - 1;
      if (left > 0) this.held.set(channel, left);
      else this.held.delete(channel);
      // The next page takes hold in the same turn; only then is it known what is wanted.
      queueMicrotask(() => this.adjust());
    };
  }

  /** Rows that were filled in by REST; `span` is what was asked for. */
  filled(channel: RowChannel, span: Span, rows: readonly Row<unknown>[]): void {
    const sequence = this.sequences[channel];
    const fresh = rows.filter((row) => sequence.take(row.seq));
    sequence.settle(span.from, span.to);
    this.pendingRows[channel].push(...fresh);
    this.changedMissing.add(channel);
    this.flushRows();
  }

  /** A page of the past was loaded by REST, up to `seq`: live rows follow without a seam. */
  startFrom(channel: RowChannel, seq: number): void {
    this.sequences[channel].startFrom(seq);
    this.changedMissing.add(channel);
    this.scheduleRows();
  }

  visibility(visible: boolean): void {
    if (this.hiddenTimer !== null) this.outside.clearTimer(this.hiddenTimer);
    this.hiddenTimer = null;
    if (visible) {
      const slept = this.hiddenFor === "long";
      this.hiddenFor = "no";
      if (slept) this.adjust();
      return;
    }
    this.hiddenFor = "short";
    this.hiddenTimer = this.outside.setTimer(() => {
      this.hiddenFor = "long";
      this.adjust();
    }, HIDDEN_LIMIT);
  }

  /** The network has come back or gone. */
  network(): void {
    if (this.outside.online()) this.retryNow();
    else if (this.socket === null && this.held.size > 0) this.say({ state: "offline" });
  }

  retryNow(): void {
    if (this.socket !== null || this.opening) return;
    this.failures = 0;
    this.stopRetry();
    this.adjust();
  }

  /** Ends everything, as on signing out. */
  close(): void {
    this.stopRetry();
    this.drop();
    this.renewals = 0;
    this.failures = 0;
    this.say({ state: "off" });
  }

  private channels(): Channel[] {
    return this.hiddenFor === "long" ? [] : [...this.held.keys()].sort();
  }

  private adjust(): void {
    const channels = this.channels();
    if (this.socket === null) {
      if (channels.length > 0 && !this.opening && this.retryTimer === null) void this.connect();
      return;
    }
    if (this.greeted) this.subscribe(channels);
  }

  private subscribe(channels: Channel[]): void {
    const wanted = channels.join(" ");
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    const after: Partial<Record<RowChannel, number>> = {};
    for (const channel of ROW_CHANNELS) {
      const newest = this.sequences[channel].newest;
      if (channels.includes(channel) && newest !== null) after[channel] = newest;
    }
    this.socket?.send(JSON.stringify({ type: "subscribe", channels, after }));
  }

  private async connect(): Promise<void> {
    if (!this.outside.online()) {
      this.say({ state: "offline" });
      return;
    }
    this.opening = true;
    if (this.current.state !== "polling") this.say({ state: "connecting" });
    let ticket: string;
    try {
      ticket = await this.outside.ticket();
    } catch (error) {
      this.opening = false;
      this.failed({ kind: "ticket", message: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.opening = false;
    if (this.channels().length === 0) {
      this.say({ state: "off" });
      return;
    }
    const socket = this.outside.open(ticket);
    this.socket = socket;
    this.greeted = false;
    this.wanted = "";
    this.helloTimer = this.outside.setTimer(() => socket.close(), HELLO_LIMIT);
    socket.onmessage = (event) => {
      if (socket === this.socket && typeof event.data === "string") this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  private receive(text: string): void {
    const frame = readFrame(text);
    if (frame === null) return;
    switch (frame.type) {
      case "hello":
        this.greet(frame.newest);
        this.listener.hello(frame.version, frame.expiresIn);
        break;
      case "state":
        this.pendingStates.set(frame.channel, frame.data);
        this.stateTimer ??= this.outside.setTimer(() => this.flushStates(), STATE_FLUSH);
        break;
      case "row": {
        const sequence = this.sequences[frame.channel];
        const holes = sequence.missing;
        if (!sequence.take(frame.seq)) break;
        if (sequence.missing !== holes || sequence.missing.length > 0) this.changedMissing.add(frame.channel);
        const pending = this.pendingRows[frame.channel];
        pending.push({ seq: frame.seq, data: frame.data });
        // A tab whose timers are held back must not grow without bound; the same
        // rows would be dropped from the buffer at the next flush.
        if (pending.length > MOST_PENDING) pending.splice(0, pending.length - MOST_PENDING);
        this.scheduleRows();
        break;
      }
      case "gap":
        if (this.sequences[frame.channel].gap(frame.from, frame.to)) {
          this.changedMissing.add(frame.channel);
          this.scheduleRows();
        }
        break;
    }
  }

  private greet(newest: Partial<Record<RowChannel, number>>): void {
    this.stopHello();
    this.greeted = true;
    this.failures = 0;
    this.renewals = 0;
    for (const channel of ROW_CHANNELS) {
      const seq = newest[channel];
      if (seq === undefined || !this.sequences[channel].hello(seq)) continue;
      this.pendingRows[channel] = [];
      this.listener.reset(channel);
      this.changedMissing.add(channel);
      this.scheduleRows();
    }
    this.say({ state: "live" });
    this.subscribe(this.channels());
  }

  private closed(code: number): void {
    const good = this.greeted;
    this.drop();
    if (code === SESSION_OVER) {
      this.opening = true;
      this.say({ state: "connecting" });
      // Once without a word; a session that is refused again at once is over.
      const renewed = this.renewals === 0 ? this.outside.renewSession() : Promise.resolve(false);
      this.renewals += 1;
      void renewed.then((ok) => {
        this.opening = false;
        if (ok) this.adjust();
        else this.failed({ kind: "refused" });
      });
      return;
    }
    this.failed({ kind: "refused" }, good);
  }

  private failed(reason: PollingReason, afterGood = false): void {
    if (this.channels().length === 0) {
      this.say({ state: "off" });
      return;
    }
    const wait = backoff(this.failures, this.outside.random());
    this.failures += 1;
    this.retryTimer = this.outside.setTimer(() => {
      this.retryTimer = null;
      this.adjust();
    }, wait);
    if (!this.outside.online()) this.say({ state: "offline" });
    else if (!afterGood && this.failures >= POLLING_AFTER) this.say({ state: "polling", reason });
    else this.say({ state: "waiting", retryAt: this.outside.now() + wait });
  }

  private drop(): void {
    this.stopHello();
    const socket = this.socket;
    this.socket = null;
    this.greeted = false;
    this.wanted = "";
    if (socket !== null) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
    }
    this.flushRows();
  }

  private stopHello(): void {
    if (this.helloTimer !== null) this.outside.clearTimer(this.helloTimer);
    this.helloTimer = null;
  }

  private stopRetry(): void {
    if (this.retryTimer !== null) this.outside.clearTimer(this.retryTimer);
    this.retryTimer = null;
  }

  private say(status: LiveStatus): void {
    this.current = status;
    this.listener.status(status);
  }

  private scheduleRows(): void {
    this.rowTimer ??= this.outside.setTimer(() => this.flushRows(), ROW_FLUSH);
  }

  private flushRows(): void {
    if (this.rowTimer !== null) this.outside.clearTimer(this.rowTimer);
    this.rowTimer = null;
    for (const channel of ROW_CHANNELS) {
      const rows = this.pendingRows[channel];
      if (rows.length > 0) {
        this.pendingRows[channel] = [];
        this.listener.rows(channel, rows);
      }
      if (this.changedMissing.delete(channel)) this.listener.missing(channel, this.sequences[channel].missing.map((span) => ({ ...span })));
    }
  }

  private flushStates(): void {
    this.stateTimer = null;
    const states = this.pendingStates;
    this.pendingStates = new Map();
    if (states.size > 0) this.listener.states(states);
  }
}
