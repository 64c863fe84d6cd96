import { Writable } from "node:stream";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { printRow, printTable, type Table } from "../../../src/ui/cli/table.js";

const ESC = String.fromCharCode(27);

const printed = async (
  table: Omit<Table, "empty">,
  columns?: number,
  colour = false,
): Promise<readonly string[]> => {
  const heard: string[] = [];
  const out = new Writable({
    write: (chunk, _encoding, done) => {
      heard.push(String(chunk));
      done();
    },
  });
  await printTable(
    { out, err: out, json: false, quiet: false, live: false, colour, columns, redact: (text) => text },
    { ...table, empty: "None." },
  );
  return heard.join("").split("\n").slice(0, -1);
};

const ID = "run_01a1ff2ffd0c7a549196c068350cecd8";
const LONG =
  "A goal that is much longer than what a terminal can show beside all the other things that are known";

describe("a table", () => {
  it.each([
    ["Latin", "Prüfen", "naïve"],
    ["Chinese and Japanese", "漢字テスト", "中"],
    ["Hangul", "한국어", "글"],
    ["emoji, also of several code points", "👩‍👩‍👧‍👦 🇩🇪 ❤️", "🚀"],
    ["combining marks", "Z\u0351\u036b\u0343algo\u0301", "e\u0301"],
    ["half-width forms", "ﾊﾝｶｸ", "ｱ"],
    ["direction and joining marks", "a\u200bb\u200d", "x"],
  ])("is aligned by what a terminal shows of %s", async (_what, long, short) => {
    const lines = await printed({
      head: ["NAME", "NEXT"],
      rows: [
        [long, "here"],
        [short, "here"],
        ["x", "here"],
      ],
    });
    const starts = lines.slice(1).map((line) => stringWidth(line.slice(0, line.indexOf("here"))));
    expect(new Set(starts).size).toBe(1);
    expect(stringWidth((lines[0] ?? "").slice(0, lines[0]?.indexOf("NEXT")))).toBe(starts[0]);
  });

  it.each([20, 40, 60, 80, 100, 200])("fits a terminal of %d columns", async (columns) => {
    const rows = [
      [{ text: ID, id: true as const }, "completed", "2/3", LONG],
      [{ text: ID, id: true as const }, "failed", "0/1", "漢字".repeat(60)],
      [{ text: ID, id: true as const }, "failed", "0/1", "👩‍👩‍👧‍👦".repeat(60)],
    ];
    const lines = await printed({ head: ["RUN", "STATUS", "STEPS", "GOAL"], rows }, columns);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(lines.slice(2).filter((line) => line.includes("…"))).toHaveLength(columns < 200 ? 2 : 1);
  });

  it("cuts an id in front, where ids look alike, and only as far as it stays one", async () => {
    const rows = [[{ text: ID, id: true as const }, LONG]];
    expect(await printed({ rows }, 80)).toEqual([`${ID}  A goal that is much longer than what a te…`]);
    expect(await printed({ rows }, 60)).toEqual([
      `…f2ffd0c7a549196c068350cecd8  A goal that is much longer th…`,
    ]);
    expect(await printed({ rows }, 45)).toEqual(["…c068350cecd8  A goal that is much longer th…"]);
  });

  it("says a time shorter, and keeps a status whole, where the terminal has no room for all", async () => {
    const time = { text: "2026-11-23 10:05:12.345Z", short: "5m2s ago", whole: true as const };
    const status = { text: "pending_approval", whole: true as const };
    const rows = [[{ text: ID, id: true as const }, status, time, LONG]];
    const head = ["RUN", "STATUS", "TIME", "GOAL"];
    expect((await printed({ head, rows }, 80))[1]).toBe(
      "…a549196c068350cecd8  pending_approval  5m2s ago  A goal that is much longer th…",
    );
    expect((await printed({ head, rows }, 50))[1]).toBe("…c068350cecd8  pending_approval  5m2s ago  A goal…");
    expect((await printed({ head, rows }, 44))[1]).toBe("…8350cecd8  pending_approval  5m2s ago  A g…");
    const wide = `${ID}  pending_approval  2026-11-23 10:05:12.345Z  ${LONG}`;
    expect(await printed({ rows }, wide.length)).toEqual([wide]);
    expect(await printed({ rows })).toEqual([wide]);
  });

  it("is never cut when it goes into a file or another program", async () => {
    const [line = ""] = await printed({ rows: [[{ text: ID, id: true }, LONG.repeat(30), "end"]] });
    expect(line).toBe(`${ID}  ${LONG.repeat(30)}  end`);
  });

  it("keeps a row on its line and control characters to itself", async () => {
    const lines = await printed({ rows: [["one\ntwo\tthree", `a${ESC}[2Jb\u0007\u009b31m`, "end"]] });
    expect(lines).toEqual(["one two three  a·[2Jb··31m  end"]);
  });

  it("colours what it shows after it is cut, and no blank", async () => {
    const rows = [
      [{ text: "ok", style: "green" as const }, "x"],
      [{ text: "", style: "red" as const }, LONG],
    ];
    const lines = await printed({ head: ["A", "B"], rows }, 40, true);
    expect(lines[1]).toBe(`${ESC}[32mok${ESC}[0m  x`);
    expect(lines[0]).toBe(`${ESC}[1mA${ESC}[0m   ${ESC}[1mB${ESC}[0m`);
    expect(lines[2]).toBe(`    ${LONG.slice(0, 35)}…`);
  });

  it("sets numbers below each other", async () => {
    const number = (text: string) => ({ text, right: true as const });
    expect(
      await printed({
        rows: [
          [number("7"), "a"],
          [number("120"), "b"],
        ],
      }),
    ).toEqual(["  7  a", "120  b"]);
  });

  it("of nothing is a sentence", async () => {
    expect(await printed({ head: ["A"], rows: [] })).toEqual(["None."]);
  });

  it("one row at a time keeps to the widths it is given, and to the terminal's", async () => {
    const heard: string[] = [];
    const out = new Writable({
      write: (chunk, _encoding, done) => {
        heard.push(String(chunk));
        done();
      },
    });
    const at = (columns?: number) => ({
      out,
      err: out,
      json: false,
      quiet: false,
      live: false,
      colour: false,
      columns,
      redact: (text: string) => text,
    });
    await printRow(at(), ["1", "short", LONG], [3, 8]);
    await printRow(at(), ["1", "longer than that", "x"], [3, 8]);
    await printRow(at(40), ["1", "short", LONG], [3, 8]);
    const time = { text: "2026-11-23 10:05:12.345Z", short: "11-23 10:05:12", whole: true as const };
    await printRow(at(60), [time, LONG], [24]);
    await printRow(at(50), [time, LONG], [24]);
    expect(heard.join("").split("\n").slice(0, -1)).toEqual([
      `1    short     ${LONG}`,
      "1    longer than that  x",
      `1    short     ${LONG.slice(0, 24).trimEnd()}…`,
      `2026-11-23 10:05:12.345Z  ${LONG.slice(0, 33).trimEnd()}…`,
      `11-23 10:05:12  ${LONG.slice(0, 33).trimEnd()}…`,
    ]);
  });
});
