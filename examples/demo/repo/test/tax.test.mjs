import assert from "node:assert/strict";
import { test } from "node:test";
import { withTax } from "../src/tax.mjs";

test("twenty percent of a hundred is twenty", () => assert.equal(withTax(100, 20), 120));
test("no amount, no tax", () => assert.equal(withTax(0, 20), 0));
