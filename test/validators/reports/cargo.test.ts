import { describe, expect, test } from "vitest";
import { readCargoReport } from "../../../validators/reports/cargo.js";
import { recorded, summary } from "./recorded.js";

const whole = recorded("cargo.txt");

describe("what cargo test prints", () => {
  test("names every test by its crate and source, documentation tests without their line", () => {
    expect(summary(readCargoReport(whole))).toEqual({
      passed: 4,
      failed: 1,
      skipped: 1,
      broken: [],
      ids: [
        "adder src/lib.rs tests::adds",
        "adder src/lib.rs tests::later",
        "adder src/lib.rs tests::bad",
        "adder src/lib.rs tests::panics - should panic",
        "integ tests/integ.rs integ",
        "adder documentation src/lib.rs - add",
      ],
    });
  });

  test("is unreadable when a test binary left before its result", () => {
    expect(readCargoReport(whole.replace(/test result: ok.*\n/, ""))).toBeUndefined();
    expect(readCargoReport(whole.slice(0, whole.lastIndexOf("test result")))).toBeUndefined();
  });

  test("is unreadable when a binary told another number of tests than it listed", () => {
    expect(readCargoReport(whole.replace("test tests::adds ... ok\n", ""))).toBeUndefined();
    expect(readCargoReport(whole.replace("sub\n", "test forged ... ok\n"))).toBeUndefined();
  });

  test("is unreadable when nothing ran, as after a compiler error", () => {
    expect(readCargoReport("error: could not compile `adder`\n")).toBeUndefined();
  });
});
