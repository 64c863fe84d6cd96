import { describe, expect, it } from "vitest";
import { dueBetween, nextAfter } from "../../src/engine/schedules/timing.js";

/** All that is due in between, as times of UTC without what is the same in all of them. */
const due = (cron: string, timeZone: string, from: string, to: string): string[] => {
  const [fromMs, toMs] = [Date.parse(`${from}Z`), Date.parse(`${to}Z`)];
  return dueBetween(nextAfter({ cron, timeZone }), fromMs, toMs, 1_000).map((ms) =>
    new Date(ms).toISOString().slice(5, 16),
  );
};

describe("a time of day", () => {
  it.each([
    // The hour from 2 to 3 is not there: it is due at its end.
    ["Europe/Berlin", "30 2 * * *", "2026-03-28", ["03-28T01:30", "03-29T01:00", "03-30T00:30"]],
    ["America/New_York", "30 2 * * *", "2026-03-07", ["03-07T07:30", "03-08T07:00", "03-09T06:30"]],
    // The hour from 2 to 3 (1 to 2) comes twice: it is due the first time.
    ["Europe/Berlin", "30 2 * * *", "2026-10-24", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]],
    ["America/New_York", "30 1 * * *", "2026-10-31", ["10-31T05:30", "11-01T05:30", "11-02T06:30"]],
    // No such hours.
    ["Asia/Seoul", "30 2 * * *", "2026-03-28", ["03-28T17:30", "03-29T17:30", "03-30T17:30"]],
    ["UTC", "30 2 * * *", "2026-10-24", ["10-24T02:30", "10-25T02:30", "10-26T02:30"]],
  ])("in %s (%s) from %s", (zone, cron, from, expected) => {
    const to = new Date(Date.parse(from) + 3 * 86_400_000).toISOString().slice(0, -1);
    expect(due(cron, zone, `${from}T00:00:00`, to)).toEqual(expected);
  });
});

describe("every so many minutes", () => {
  it.each([
    ["Europe/Berlin", "2026-03-29T00:00:00"],
    ["Europe/Berlin", "2026-10-25T00:00:00"],
    ["America/New_York", "2026-03-08T06:00:00"],
    ["America/New_York", "2026-11-01T05:00:00"],
  ])("goes on through the hour that is missing or comes twice, in %s from %s", (zone, from) => {
    const to = new Date(Date.parse(`${from}Z`) + 3 * 3_600_000).toISOString().slice(0, -1);
    expect(due("*/20 * * * *", zone, from, to)).toEqual(due("*/20 * * * *", "UTC", from, to));
  });
});

describe("what is due in between", () => {
  it("is behind the beginning and up to the end", () => {
    expect(due("0 * * * *", "UTC", "2026-01-01T00:00:00", "2026-01-01T02:00:00")).toEqual([
      "01-01T01:00",
      "01-01T02:00",
    ]);
    expect(due("0 * * * *", "UTC", "2025-12-31T23:59:59.999", "2026-01-01T00:00:00")).toEqual([
      "01-01T00:00",
    ]);
  });

  it("is the newest of very many, looked up without reading them all", () => {
    let asked = 0;
    const next = nextAfter({ cron: "* * * * *", timeZone: "UTC" });
    const counting = (afterMs: number) => {
      asked += 1;
      return next(afterMs);
    };
    const now = Date.parse("2026-06-01T12:00:00Z");
    const found = dueBetween(counting, Date.parse("2016-06-01T12:00:00Z"), now, 100);
    expect(found).toHaveLength(100);
    expect(found.at(-1)).toBe(now);
    expect(found[0]).toBe(now - 99 * 60_000);
    expect(asked).toBeLessThan(1_000);
  });

  it("is nothing where nothing ever is", () => {
    expect(due("0 0 30 2 *", "UTC", "2026-01-01T00:00:00", "2030-01-01T00:00:00")).toEqual([]);
  });
});

describe("a cron expression that cannot be read", () => {
  it.each(["99 * * * *", "* * 0 * *", "* * * * * *", "banana"])("is refused in words: %s", (cron) => {
    expect(() => nextAfter({ cron, timeZone: "UTC" })).toThrow(
      expect.objectContaining({ code: "settings_invalid", message: expect.stringMatching(/: .*[^.]\.$/) }),
    );
  });
});
