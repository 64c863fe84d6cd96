import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../src/count.mjs";

test("words are counted", () =>
  assert.deepEqual(
    [...count(["a", "b", "a"])],
    [
      ["a", 2],
      ["b", 1],
    ],
  ));
test("no words have no counts", () => assert.equal(count([]).size, 0));
