/**
 * How numbers, times and amounts are written. Everything a person reads goes
 * through here, so that the same thing looks the same on every page.
 *
 * An unknown value is `null` and reads as an en dash, never as 0.
 */

export const UNKNOWN = "–";

const NARROW = "\u202f";

export type Amount = number | null | undefined;

let locale: string | undefined;
// Making a formatter costs some hundred times what using it does.
const cache = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

/** The language that numbers and dates are written in; the browser's until called. */
export function setLocale(tag: string | undefined): void {
  locale = tag;
  cache.clear();
  dates.clear();
}

function number(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let made = cache.get(key);
  if (made === undefined) {
    made = new Intl.NumberFormat(locale, options);
    cache.set(key, made);
  }
  return made;
}

function known(value: Amount): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** `84 ms`, `1.24 s`, `2 m 10 s`, `3 h 4 m`, `5 d 2 h`; `ms` is milliseconds. */
export function duration(ms: Amount): string {
  if (!known(ms)) return UNKNOWN;
  const size = Math.abs(ms);
  const sign = ms < 0 ? "−" : "";
  if (size < 10) return `${sign}${number({ maximumSignificantDigits: 2 }).format(size)}${NARROW}ms`;
  if (Math.round(size) < 1000) return `${sign}${String(Math.round(size))}${NARROW}ms`;
  if (size < 9_995) return `${sign}${number({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(size / 1000)}${NARROW}s`;
  if (size < 59_950) return `${sign}${number({ minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(size / 1000)}${NARROW}s`;
  const seconds = Math.round(size / 1000);
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    `${sign}${String(big)}${NARROW}${bigUnit}${small > 0 ? ` ${String(small)}${NARROW}${smallUnit}` : ""}`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), "m", seconds % 60, "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), "h", minutes % 60, "m");
  const hours = Math.floor(minutes / 60);
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** `0:38` or `1:02:04`, for countdowns; rounds up, so that 0:00 means over. */
export function clock(seconds: Amount): string {
  if (!known(seconds)) return UNKNOWN;
  const left = Math.max(0, Math.ceil(seconds));
  const pad = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(left / 60);
  if (minutes < 60) return `${String(minutes)}:${pad(left % 60)}`;
  return `${String(Math.floor(minutes / 60))}:${pad(minutes % 60)}:${pad(left % 60)}`;
}

/** A whole number with separators: `12,408`. */
export function count(value: Amount): string {
  return known(value) ? number({ maximumFractionDigits: 0 }).format(value) : UNKNOWN;
}

/** A number cut to three digits and a letter: `987`, `12.4k`, `3.05M`. */
export function short(value: Amount): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size < 1000) return number({ maximumSignificantDigits: 3 }).format(value);
  for (const [limit, letter] of [[1e3, "k"], [1e6, "M"], [1e9, "G"], [1e12, "T"]] as const) {
    // 999,950 would round to 1000k: it is already a million.
    if (size < limit * 999.5 || letter === "T") {
      return `${number({ maximumSignificantDigits: 3 }).format(value / limit)}${letter}`;
    }
  }
  return UNKNOWN;
}

/** Tokens: `980`, `12.4k`. */
export const tokens = short;

/** Events a second: `0.4/s`, `48/s`. */
export function rate(perSecond: Amount): string {
  return known(perSecond) ? `${short(perSecond)}/s` : UNKNOWN;
}

/** A share from 0 to 1 as `1.2 %`; what is not nought never reads as nought. */
export function percent(share: Amount): string {
  if (!known(share)) return UNKNOWN;
  const value = share * 100;
  if (value > 0 && value < 0.05) return `<${NARROW}0.1${NARROW}%`;
  if (value < 100 && value > 99.9) return `>${NARROW}99.9${NARROW}%`;
  return `${number({ maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 }).format(value)}${NARROW}%`;
}

/** Four significant digits with the currency: `$0.01234`, `$12.34`. */
export function money(value: Amount, currency = "USD"): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  // Cents always, and below one as many places as four digits take.
  const places = size > 0 && size < 1 ? Math.min(20, 3 - Math.floor(Math.log10(size))) : 2;
  return number({ style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: places }).format(value);
}

/** Sizes by 1024: `812 B`, `4.2 KiB`. */
export function bytes(value: Amount): string {
  if (!known(value)) return UNKNOWN;
  let left = value;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (Math.abs(left) < 1024) {
      return `${number({ maximumFractionDigits: unit === "B" || Math.abs(left) >= 100 ? 0 : 1 }).format(left)}${NARROW}${unit}`;
    }
    left /= 1024;
  }
  return `${number({ maximumFractionDigits: 1 }).format(left)}${NARROW}TiB`;
}

/** A change against before, as `+12 %`; `null` when there was nothing before. */
export function change(now: Amount, before: Amount): string | null {
  if (!known(now) || !known(before) || before === 0) return null;
  const share = (now - before) / before;
  if (Math.abs(share) < 0.005) return `±0${NARROW}%`;
  const size = Math.abs(share) > 9.99 ? `×${short(now / before)}` : `${number({ maximumFractionDigits: 0 }).format(Math.abs(share) * 100)}${NARROW}%`;
  if (size.startsWith("×")) return size;
  return `${share > 0 ? "+" : "−"}${size}`;
}

export type Instant = number | string | Date | null | undefined;

function date(value: Instant): Date | null {
  if (value === null || value === undefined) return null;
  const made = value instanceof Date ? value : new Date(value);
  return Number.isNaN(made.getTime()) ? null : made;
}

function part(value: Date, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify(options);
  let made = dates.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(locale, { hourCycle: "h23", ...options });
    dates.set(key, made);
  }
  return made.format(value);
}

/** The local time of day, `12:04:31`; with the date when that is another day than `now`. */
export function time(value: Instant, now: Date = new Date()): string {
  const at = date(value);
  if (at === null) return UNKNOWN;
  const day = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
  if (at.toDateString() === now.toDateString()) return part(at, day);
  const other = at.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return part(at, { ...other, month: "short", day: "numeric", ...day });
}

/** `12:04:31.250`, for logs and streams. */
export function preciseTime(value: Instant): string {
  const at = date(value);
  if (at === null) return UNKNOWN;
  return part(at, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
}

/** Date and time in full with the offset, for tooltips: `23 Nov 2026, 12:04:31 GMT+1`. */
export function fullTime(value: Instant): string {
  const at = date(value);
  if (at === null) return UNKNOWN;
  return part(at, {
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "longOffset",
  });
}

/** The form for copying: ISO 8601 in UTC. */
export function isoTime(value: Instant): string {
  return date(value)?.toISOString() ?? "";
}

/** The day alone. */
export function day(value: Instant): string {
  const at = date(value);
  return at === null ? UNKNOWN : part(at, { year: "numeric", month: "short", day: "numeric" });
}

/** `3 minutes ago`, `in 2 days`. */
export function ago(value: Instant, now: number = Date.now()): string {
  const at = date(value);
  if (at === null) return UNKNOWN;
  const seconds = (at.getTime() - now) / 1000;
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [limit, size, unit] of [
    [60, 1, "second"], [3600, 60, "minute"], [86_400, 3600, "hour"], [2_592_000, 86_400, "day"], [31_536_000, 2_592_000, "month"],
  ] as const) {
    if (Math.abs(seconds) < limit) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(Math.round(seconds / 31_536_000), "year");
}

/** The label of an axis, as short as the steps between labels (seconds) allow. */
export function axisTime(value: Instant, step: number): string {
  const at = date(value);
  if (at === null) return "";
  if (step >= 86_400) return part(at, { month: "short", day: "numeric" });
  const clockTime = part(at, { hour: "2-digit", minute: "2-digit", ...(step < 60 && { second: "2-digit" }) });
  return step >= 3600 && at.getHours() === 0 ? part(at, { month: "short", day: "numeric" }) : clockTime;
}
