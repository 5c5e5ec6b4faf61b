import { beforeAll, describe, expect, it } from "vitest";

import * as format from "./format";

const plain = (text: string) => text.replaceAll("\u202f", " ");

beforeAll(() => format.setLocale("en-US"));

describe("durations", () => {
  it.each([
    [0.42, "0.42 ms"],
    [84, "84 ms"],
    [999.4, "999 ms"],
    [999.6, "1.00 s"],
    [1240, "1.24 s"],
    [9996, "10.0 s"],
    [59_940, "59.9 s"],
    [59_960, "1 m"],
    [130_000, "2 m 10 s"],
    [3_599_700, "1 h"],
    [11_040_000, "3 h 4 m"],
    [439_200_000, "5 d 2 h"],
    [-84, "−84 ms"],
    [null, "–"],
    [Number.NaN, "–"],
  ])("writes %s ms as %s", (ms, text) => {
    expect(plain(format.duration(ms))).toBe(text);
  });

  it("counts down to 0:00 and not before", () => {
    expect(format.clock(38)).toBe("0:38");
    expect(format.clock(0.2)).toBe("0:01");
    expect(format.clock(-3)).toBe("0:00");
    expect(format.clock(3724)).toBe("1:02:04");
  });
});

describe("amounts", () => {
  it.each([
    [0, "0"],
    [987, "987"],
    [12_400, "12.4k"],
    [999_499, "999k"],
    [999_600, "1M"],
    [3_050_000, "3.05M"],
  ])("writes %s tokens as %s", (value, text) => {
    expect(format.tokens(value)).toBe(text);
  });

  it("never writes a share that is not nought as nought", () => {
    expect(plain(format.percent(0))).toBe("0 %");
    expect(plain(format.percent(0.0001))).toBe("< 0.1 %");
    expect(plain(format.percent(0.012))).toBe("1.2 %");
    expect(plain(format.percent(0.9999))).toBe("> 99.9 %");
    expect(plain(format.percent(1))).toBe("100 %");
  });

  it("writes money with four significant digits", () => {
    expect(format.money(0.012344)).toBe("$0.01234");
    expect(format.money(12.3456)).toBe("$12.35");
    expect([15, 0.25, 0.1, 1234.5, -0.5].map((value) => format.money(value))).toEqual(["$15.00", "$0.25", "$0.10", "$1,234.50", "-$0.50"]);
    expect(format.money(0)).toBe("$0.00");
    expect(format.money(null)).toBe("–");
  });

  it("writes sizes by 1024", () => {
    expect(plain(format.bytes(812))).toBe("812 B");
    expect(plain(format.bytes(4300))).toBe("4.2 KiB");
    expect(plain(format.bytes(5_242_880))).toBe("5 MiB");
  });

  it("says how much something has changed, or that nothing can be said", () => {
    expect(plain(format.change(112, 100) ?? "")).toBe("+12 %");
    expect(plain(format.change(88, 100) ?? "")).toBe("−12 %");
    expect(plain(format.change(100.1, 100) ?? "")).toBe("±0 %");
    expect(format.change(2400, 100)).toBe("×24");
    expect(format.change(5, 0)).toBeNull();
    expect(format.change(null, 5)).toBeNull();
  });
});

describe("times", () => {
  const at = new Date(2026, 10, 23, 12, 4, 31, 250);

  it("leaves the date out on the same day only", () => {
    expect(format.time(at, new Date(2026, 10, 23, 23, 0))).toBe("12:04:31");
    expect(format.time(at, new Date(2026, 10, 24, 1, 0))).toContain("Nov 23");
    expect(format.time(at, new Date(2027, 0, 2))).toContain("2026");
  });

  it("copies as ISO and shows the offset in full", () => {
    expect(format.isoTime(Date.UTC(2026, 10, 23, 12, 4, 31))).toBe("2026-11-23T12:04:31.000Z");
    expect(format.fullTime(at)).toMatch(/GMT/);
  });

  it("has milliseconds for logs", () => {
    expect(format.preciseTime(at)).toBe("12:04:31.250");
  });

  it("labels an axis as its steps ask", () => {
    expect(format.axisTime(at, 15)).toBe("12:04:31");
    expect(format.axisTime(at, 300)).toBe("12:04");
    expect(format.axisTime(new Date(2026, 10, 23), 21_600)).toBe("Nov 23");
    expect(format.axisTime(at, 86_400)).toBe("Nov 23");
  });

  it("says how long ago", () => {
    expect(format.ago(1_000_000, 1_000_000 + 180_000)).toBe("3 minutes ago");
    expect(format.ago(1_000_000 + 2 * 86_400_000, 1_000_000)).toBe("in 2 days");
  });

  it("takes nonsense for unknown", () => {
    expect(format.time("not a time")).toBe("–");
    expect(format.isoTime(null)).toBe("");
  });
});
