import assert from "node:assert/strict";
import { test } from "node:test";
import { format } from "../src/format.mjs";

test("the most frequent comes first", () =>
  assert.equal(
    format(
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
    ),
    "2 a\n1 b",
  ));
