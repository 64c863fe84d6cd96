import { describe, expect, it } from "vitest";
import { boxed, framed } from "../../../../src/ui/tui/kit/frame.js";
import { behind, fitLine, lineWidth, span } from "../../../../src/ui/tui/kit/line.js";
import { moved, seen, TOP } from "../../../../src/ui/tui/kit/list.js";
import { typed, typing, typingLine } from "../../../../src/ui/tui/kit/typing.js";
import { plainText } from "../../../helpers/screens.js";

const frame = {
  title: [span("runledger", "strong")],
  aside: [span("3 running")],
  body: [[span("one")], [span("two")], [span("three")], [span("four")]],
  answer: [],
  hints: [
    ["enter", "open"],
    ["a", "approve"],
    ["q", "quit"],
  ],
} as const;

describe("a frame", () => {
  it("has a title, a body and one line of keys", () => {
    expect(plainText(framed(frame, { columns: 30, rows: 5 }))).toBe(
      [" runledger          3 running", "one", "two", "three", " enter open  a approve  q quit"].join("\n"),
    );
  });

  it("shows the last answer above the keys", () => {
    const answered = { ...frame, answer: [[span("approved")]] };
    expect(plainText(framed(answered, { columns: 12, rows: 6 }))).toBe(
      [" runledger", "one", "two", "────────────", " approved", " enter open"].join("\n"),
    );
  });

  it.each([1, 2, 3, 4, 24])("has exactly the rows of the terminal (%i)", (rows) => {
    for (const columns of [1, 5, 20, 80]) {
      const lines = framed(frame, { columns, rows });
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  it("goes on around a box", () => {
    const size = { columns: 24, rows: 8 };
    const body = Array.from({ length: 6 }, () => [span("·".repeat(24))]);
    const box = { title: "Sure?", content: [[span("yes or no")]] };
    expect(plainText(boxed(framed({ ...frame, body }, size), box, size))).toBe(
      [
        " runledger    3 running",
        "························",
        "·╭─ Sure? ────────────╮·",
        "·│ yes or no          │·",
        "·╰────────────────────╯·",
        "························",
        "························",
        " enter open  a approve",
      ].join("\n"),
    );
  });
});

describe("a box over wide characters", () => {
  it.each([
    "日本語の目標を示す一行です。",
    "x日本語の目標を示す一行です。",
    "👩‍👩‍👧 family 日本語の目標を示す。",
  ])("leaves them in their columns: %s", (text) => {
    for (let columns = 95; columns <= 110; columns += 1) {
      const size = { columns, rows: 8 };
      const body = Array.from({ length: 6 }, () => [
        ...fitLine([span(text.repeat(8))], columns - 2),
        span("││"),
      ]);
      for (const line of boxed(
        framed({ ...frame, body }, size),
        { title: "?", content: [[span("yes")]] },
        size,
      ))
        expect(lineWidth(line)).toBe(columns);
    }
  });

  it("is beside the half of a character that it covers", () => {
    expect(behind("日本語", 3)).toBe(" 語");
    expect(behind("日本語", 2)).toBe("本語");
    expect(behind("abc", 0)).toBe("abc");
  });
});

describe("a list of which a window is seen", () => {
  it("moves by keys, and the window with it", () => {
    const keys = ["j", "down", "G", "k", "pageup", "g", "pagedown", "end", "home"];
    let place = TOP;
    const places = keys.map((key) => {
      place = moved(place, key, 100, 10) ?? TOP;
      return place;
    });
    expect(places).toEqual([
      { at: 1, top: 0 },
      { at: 2, top: 0 },
      { at: 99, top: 90 },
      { at: 98, top: 90 },
      { at: 89, top: 89 },
      { at: 0, top: 0 },
      { at: 9, top: 0 },
      { at: 99, top: 90 },
      { at: 0, top: 0 },
    ]);
    expect(moved(TOP, "x", 100, 10)).toBeUndefined();
  });

  it("stays within a list that got shorter, or is empty", () => {
    expect(seen({ at: 50, top: 45 }, 20, 10)).toEqual({ at: 19, top: 10 });
    expect(seen({ at: 5, top: 3 }, 0, 10)).toEqual({ at: 0, top: 0 });
  });
});

describe("a line that is typed", () => {
  const edited = (...keys: string[]) =>
    keys.reduce((state, key) => typed(state, key) ?? { text: `no ${key}`, at: 0 }, typing("one two"));

  it("is edited where its cursor is", () => {
    expect(edited("!")).toEqual({ text: "one two!", at: 8 });
    expect(edited("home", "é", "日")).toEqual({ text: "é日one two", at: 2 });
    expect(edited("left", "backspace")).toEqual({ text: "one to", at: 5 });
    expect(edited("ctrl+w")).toEqual({ text: "one ", at: 4 });
    expect(edited("ctrl+u", "x")).toEqual({ text: "x", at: 1 });
    expect(edited("home", "backspace")).toEqual({ text: "one two", at: 0 });
    expect(typed(typing(), "enter")).toBeUndefined();
  });

  it("shows its cursor when it is longer than its place", () => {
    expect(plainText([typingLine(typing("abcdefgh"), 5)])).toBe("efgh");
    expect(plainText([typingLine({ text: "abcdefgh", at: 0 }, 20)])).toBe("abcdefgh");
  });
});
