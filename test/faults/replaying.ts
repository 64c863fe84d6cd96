// A process that has just started: opens a ledger, reads one run from its journal, and says how long that took.

import { createRedactor } from "../../src/core/redact.js";
import { createCredentials } from "../../src/ledger/credentials.js";
import { openLedger } from "../../src/ledger/ledger.js";
import { openStore } from "../../src/stores/open.js";
import { STORY_RULES } from "./lab/story.js";

const [folder = "", runId = ""] = process.argv.slice(2);
const startedAt = performance.now();
const store = await openStore(folder);
const { credentials } = createCredentials();
const redactor = createRedactor([]);
const now = (): string => new Date().toISOString();
const ledger = openLedger({ store, rules: STORY_RULES, credentials, redactor, now });
const { seq } = await ledger.load(runId);
console.log(JSON.stringify({ seq, ms: Math.round(performance.now() - startedAt) }));
await store.close();
