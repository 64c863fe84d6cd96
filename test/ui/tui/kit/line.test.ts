import { describe, expect, it } from "vitest";
import {
  apart,
  beside,
  cut,
  cutLine,
  fitLine,
  lineWidth,
  onGround,
  painted,
  span,
  told,
  widthOf,
  wrap,
} from "../../../../src/ui/tui/kit/line.js";
import { paletteOf } from "../../../../src/ui/tui/kit/theme.js";
import { DARK, LIGHT, plainText } from "../../../helpers/screens.js";

describe("lines", () => {
  it("are as wide as a terminal makes them", () => {
    expect(widthOf("abc")).toBe(3);
    expect(widthOf("日本語")).toBe(6);
    expect(widthOf("e\u0301")).toBe(1);
  });

  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 4, "abc…"],
    ["日本語", 4, "日…"],
    ["日本語", 5, "日本…"],
    ["ab", 0, ""],
  ])("cut %j to %i columns says so", (text, width, expected) => expect(cut(text, width)).toBe(expected));

  it("cut and fill over several pieces", () => {
    const line = [span("name "), span("value", "good")];
    expect(plainText([cutLine(line, 8)])).toBe("name va…");
    expect(plainText([cutLine(line, 5)])).toBe("name…");
    expect(lineWidth(fitLine(line, 14))).toBe(14);
    expect(lineWidth(onGround(line, "selected", 7))).toBe(7);
    expect(plainText([apart([span("left")], [span("right")], 12)])).toBe("left   right");
    expect(plainText([apart([span("left side")], [span("right")], 12)])).toBe("left side");
    expect(plainText(beside([[span("a")]], [[span("b")], [span("c")]], 3, 2))).toBe("a   │ b\n    │ c");
  });

  it("break between words, and words that are too long anywhere", () => {
    expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrap("aaaaaaaaaa b", 4)).toEqual(["aaaa", "aaaa", "aa b"]);
    expect(wrap("a\n\nb", 10)).toEqual(["a", "", "b"]);
    expect(wrap("日本語日本語", 5)).toEqual(["日本", "語日", "本語"]);
    for (const line of wrap("the quick brown fox jumps over the lazy dog", 11))
      expect(line.length).toBeLessThan(12);
  });

  it("hold nothing that a terminal would obey", () => {
    expect(told("a\u001b[2Jb\u0007c\nd\te\u202ef")).toBe("a·[2Jb·c d e·f");
    expect(wrap("a\u001b]0;title\u0007", 40)).toEqual(["a·]0;title·"]);
  });

  it("look like their theme: dark, light, or by weight alone", () => {
    const line = [span("ok", "good"), span(" plain"), ...onGround([span("x")], "selected", 2)];
    expect(painted(line, DARK)).toBe(
      "\u001b[38;5;114mok\u001b[0m plain\u001b[48;5;238mx\u001b[0m\u001b[48;5;238m \u001b[0m",
    );
    expect(painted(line, LIGHT)).toBe(
      "\u001b[38;5;28mok\u001b[0m plain\u001b[48;5;252mx\u001b[0m\u001b[48;5;252m \u001b[0m",
    );
    expect(painted(line, paletteOf("dark", {}, false))).toBe(
      "ok plain\u001b[7mx\u001b[0m\u001b[7m \u001b[0m",
    );
  });

  it.each([
    [undefined, DARK],
    ["15;0", DARK],
    ["0;15", LIGHT],
    ["0;default;7", LIGHT],
    ["nonsense", DARK],
  ])("with COLORFGBG=%s choose their theme", (COLORFGBG, palette) => {
    expect(paletteOf("auto", { COLORFGBG }, true)).toBe(palette);
    expect(paletteOf("light", { COLORFGBG }, true)).toBe(LIGHT);
  });
});
