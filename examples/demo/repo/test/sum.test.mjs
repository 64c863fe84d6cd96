import assert from "node:assert/strict";
import { test } from "node:test";
import { sum } from "../src/sum.mjs";

test("the sum of no prices is nothing", () => assert.equal(sum([]), 0));
test("prices add up", () => assert.equal(sum([1, 2, 3]), 6));
