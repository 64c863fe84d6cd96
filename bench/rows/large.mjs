// A ledger of 1 GB beside one of a fifth of it: what people and workers do with it, and taking the oldest runs out.
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { openRunLedger } from "runledger";
import { openStore } from "../../dist/src/stores/open.js";
import { fillRuns, runName } from "../fill.mjs";
import { environmentIn, inFolder, ledgerOn, note } from "../ledgers.mjs";
import { millis, paired, REPETITIONS } from "../measure.mjs";

/** Runs of about 215 KB; each tenth is not over. */
const RUNS = Number(process.env.RUNLEDGER_BENCH_LARGE_RUNS ?? 5_000);
const EVENTS_PER_RUN = 50;
const BYTES = 4_000;
/** Taken out at a time. */
const PRUNED = Math.min(100, RUNS / 50);
const CALLS = 50;

export const rows = () => inFolder(all);

async function* all(place) {
  const small = await filled(join(place, "small"), RUNS / 5);
  const large = await filled(join(place, "large"), RUNS);
  const mebibytes = Math.round((await large.app.ledger.store.space()).usedBytes / 1024 ** 2);
  const grown = (name, unit, ask) => ({
    name: `${name}: ${mebibytes} MiB over a fifth`,
    ours: ask(large),
    floor: ask(small),
    unit,
    aim: { max: 1.5 },
  });
  yield await paired(grown("opening", "ms", reopened));
  yield await paired(grown("list of the newest 50", "µs", ({ app }) => each(() => app.list({ limit: 50 }))));
  yield await paired(grown("a run from its snapshot", "µs", loaded));
  yield await paired(grown("a run from its first event", "µs", replayed));
  yield await paired(grown("an append", "µs", appended));
  yield await paired({
    ...grown(`${PRUNED} runs archived and taken out`, "ms", pruned({ leaveBlobs: true })),
    repetitions: Math.min(7, REPETITIONS),
  });
  yield await paired({
    ...grown("the same, with the search for output that nobody names", "ms", pruned({})),
    repetitions: 2,
    aim: undefined,
  });
  for (const { app } of [small, large]) await app.close();
}

const filled = async (place, runs) => {
  const env = { ...environmentIn(place), RUNLEDGER_SET_runLedger__maxRunHistory: "0" };
  const app = await openRunLedger({ projectDir: process.cwd(), env });
  await fillRuns(app.ledger.store, { runs, eventsPerRun: EVENTS_PER_RUN, bytes: BYTES });
  // Old output that the newest run names: to know it, the whole journal must be read.
  const hash = await app.ledger.store.putBlob(Buffer.from("named at the end"));
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  await app.ledger.submit(runName(runs - 10), { ...note(0), value: hash }, me);
  const file = join(app.dataDir, "blobs", hash.slice(0, 2), hash.slice(2, 4), hash);
  await utimes(file, 0, 0);
  return { app, me, runs, left: runs * 0.9 };
};

/** Microseconds of one call. */
const each = (call) => async () => {
  const took = await millis(async () => {
    for (let count = 0; count < CALLS; count += 1) await call(count);
  });
  return (took * 1_000) / CALLS;
};

const reopened =
  ({ app }) =>
  () =>
    millis(async () => {
      const store = await openStore(app.dataDir);
      await store.list({ limit: 1 });
      await store.close();
    });

/** With nothing in memory, as a command has it. */
const loaded = ({ app, runs }) =>
  each((count) => ledgerOn(app.ledger.store).ledger.load(runName(runs - 1 - ((count * 37) % (runs / 10)))));

const replayed = ({ app, runs }) =>
  each((count) => app.ledger.events(runName(runs - 1 - ((count * 37) % (runs / 10))), 0, 1_000));

const appended = ({ app, me, runs }) =>
  each((count) => app.ledger.submit(runName(runs - 10), note(count), me));

const pruned = (how) => (filledOne) => () =>
  millis(async () => {
    filledOne.left -= PRUNED;
    const { runs } = await filledOne.app.prune({ keep: filledOne.left, ...how });
    if (runs.length !== PRUNED) throw new Error(`took out ${runs.length} of ${PRUNED} runs`);
  });
