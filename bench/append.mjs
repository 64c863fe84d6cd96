// One durable event through the public API (validated, decided, hash-chained, FULL) against a bare better-sqlite3 FULL commit
// of as many bytes, interleaved in one run. Usage: npm run build && node bench/append.mjs [events] [repetitions]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { openRunLedger } from "runledger";

const events = Number(process.argv[2] ?? 500);
const repetitions = Number(process.argv[3] ?? 7);
const value = "x".repeat(800);

const place = await mkdtemp(join(tmpdir(), "runledger-bench-"));
const app = await openRunLedger({
  projectDir: place,
  env: {
    PATH: process.env.PATH,
    HOME: place,
    RUNLEDGER_HOME: join(place, "data"),
    RUNLEDGER_SET_runLedger__workspaceIsolation: "false",
  },
});
const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
const plan = {
  goal: "bench",
  steps: [{ id: "a", goal: "a", owner_agent: "a", validator: { type: "command_pass", target: "true" } }],
};

const bare = new Database(join(place, "bare.db"));
bare.pragma("journal_mode = WAL");
bare.pragma("synchronous = FULL");
bare.exec("CREATE TABLE events (position INTEGER PRIMARY KEY, seq INTEGER, payload TEXT) STRICT");
const insert = bare.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
const payload = JSON.stringify({ key: "k", value, pad: "y".repeat(300) });

const micros = async (work) => {
  const from = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - from) / 1_000 / events;
};
const median = (numbers) => numbers.slice().sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const ratios = { alone: [], together: [] };
for (let round = 0; round < repetitions; round += 1) {
  const create = () => app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
  const run = await create();
  const floor = await micros(() => {
    for (let at = 0; at < events; at += 1) insert.run(at, payload);
  });
  const note = (runId, at) =>
    app.ledger.submit(runId, { type: "write_note", key: "k", value: `${at}${value}` }, me);
  const alone = await micros(async () => {
    for (let at = 0; at < events; at += 1) await note(run.runId, at);
  });
  const many = await Promise.all(Array.from({ length: 50 }, create));
  const together = await micros(async () => {
    await Promise.all(
      many.map(async ({ runId }) => {
        for (let at = 0; at < events / many.length; at += 1) await note(runId, at);
      }),
    );
  });
  ratios.alone.push(alone / floor);
  ratios.together.push(together / floor);
  console.log(
    `round ${round + 1}: bare ${floor.toFixed(0)} µs, one run ${alone.toFixed(0)} µs, 50 runs at once ${together.toFixed(0)} µs an event`,
  );
}
console.log(`median ratio to a bare FULL commit: one run ${median(ratios.alone).toFixed(2)} ×`);
console.log(
  `median ratio to a bare FULL commit: 50 runs at once ${median(ratios.together).toFixed(2)} × (group commit)`,
);
await app.close();
bare.close();
await rm(place, { recursive: true, force: true });
