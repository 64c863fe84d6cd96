import assert from "node:assert/strict";
import { test } from "node:test";
import { invoice } from "../src/invoice.mjs";

test("an invoice adds up its prices and their tax", () => assert.equal(invoice([40, 60], 20), "Total: 120"));
