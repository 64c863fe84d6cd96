import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactSize, parseSize, SIZE_PATTERN } from "../../src/core/size.js";

describe("sizes", () => {
  it.each([
    ["4GiB", 4 * 1024 ** 3],
    ["4gib", 4 * 1024 ** 3],
    ["4G", 4 * 1024 ** 3],
    ["512m", 512 * 1024 ** 2],
    ["10GB", 10_000_000_000],
    ["1.5 GiB", 1_536 * 1024 ** 2],
    [" 2TB ", 2_000_000_000_000],
    ["100B", 100],
    ["0KiB", 0],
  ])("%j are %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
    expect(new RegExp(SIZE_PATTERN).test(text)).toBe(true);
  });

  it.each(["", "5", "GiB", "-1GiB", "4  GiB", "4GiBs", "1PiB", "1e3MB", ".5GB", "4 G B"])(
    "%j is none",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
      expect(new RegExp(SIZE_PATTERN).test(text)).toBe(false);
    },
  );

  it("are written so that the same number is read back", () => {
    expect([4 * 1024 ** 3, 1_500_000, 1_536, 1, 0].map(exactSize)).toEqual([
      "4GiB",
      "1500KB",
      "1536B",
      "1B",
      "0B",
    ]);
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 45 }), (bytes) => {
        expect(parseSize(exactSize(bytes))).toBe(bytes);
      }),
    );
  });
});
