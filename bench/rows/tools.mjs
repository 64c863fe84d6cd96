// A tool call in the same process, checked on its way in and out, over the bare read or write behind it.
import { join } from "node:path";
import { openRunLedger } from "runledger";
import { bareIn, environmentIn, inFolder, plan } from "../ledgers.mjs";
import { millis, paired } from "../measure.mjs";

const CALLS = 200;

export const rows = () => inFolder(all);

async function* all(place) {
  const app = await openRunLedger({ projectDir: place, env: environmentIn(place) });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const run = await app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
  const tools = Object.fromEntries(app.toolsFor(me).map((tool) => [tool.name, tool]));
  const bare = bareIn(join(place, "bare.db"));
  const insert = bare.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const newest = bare.prepare("SELECT payload FROM events ORDER BY position DESC LIMIT 1").raw();
  const value = "v".repeat(1_000);
  let at = 0;
  const next = () => {
    at += 1;
    return at;
  };
  const note = () => tools.run_note.call({ run_id: run.runId, key: "k", value: `${next()} ${value}` });
  const write = () => insert.run(next(), JSON.stringify({ key: "k", value: `${at} ${value}` }));
  for (let warm = 0; warm < 1_500; warm += 1) {
    write();
    await note();
  }
  yield await paired({
    name: "run_note over a bare append",
    ours: each(note),
    floor: each(write),
    unit: "µs",
  });
  insert.run(next(), JSON.stringify(await app.ledger.load(run.runId)));
  yield await paired({
    name: "run_read over a bare read of the run",
    ours: each(() => tools.run_read.call({ run_id: run.runId })),
    floor: each(() => JSON.parse(newest.get()[0])),
    unit: "µs",
  });
  await app.close();
  bare.close();
}

/** Microseconds of one call. */
const each = (call) => async () => {
  const took = await millis(async () => {
    for (let count = 0; count < CALLS; count += 1) await call();
  });
  return (took * 1_000) / CALLS;
};
