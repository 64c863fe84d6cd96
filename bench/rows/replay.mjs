// Reading a run again from its journal: everything validated and chain-checked, or a snapshot and what came after it.
import { join } from "node:path";
import { rootKeys } from "../../dist/src/stores/root-key.js";
import { fillRun } from "../fill.mjs";
import { bareIn, inFolder, ledgerOn, openedIn } from "../ledgers.mjs";
import { millis, paired } from "../measure.mjs";

const EVENTS = 20_000;
const BYTES = 1_000;

export async function* rows() {
  yield* inFolder(everything);
  yield* inFolder(decrypted);
  yield* inFolder(fromSnapshots);
}

async function* everything(place) {
  const { store } = await openedIn(join(place, "ledger"));
  await fillRun(store, "long", EVENTS, { bytes: BYTES });
  await fillRun(store, "short", EVENTS / 10, { bytes: BYTES });
  const perSecond = (count, read) => async () => (count * 1_000) / (await millis(read));
  // A ledger of its own each time: what is in memory needs no replay.
  const replay = (runId, count) => perSecond(count, () => ledgerOn(store).ledger.load(runId));
  const bare = await bareCopy(join(place, "bare.db"), store);
  yield await paired({
    name: `replay of ${EVENTS} events of 1 KB over a bare read and JSON.parse`,
    ours: replay("long", EVENTS),
    floor: perSecond(EVENTS, () => readBare(bare)),
    unit: "events/s",
    goal: 7,
    aim: { min: 0.5 },
    bound: "zod, the hash of each event and the fold, each about as much as JSON.parse",
  });
  yield await paired({
    name: `replay of ${EVENTS} events over one of ${EVENTS / 10}`,
    ours: replay("long", EVENTS),
    floor: replay("short", EVENTS / 10),
    unit: "events/s",
    aim: { min: 0.9 },
    bound: "SQLite's page cache of 4 MB: a run that does not fit is read from the file again",
  });
  bare.close();
  await store.close();
}

/** The same with every event encrypted, over a bare read of as many plain ones. */
async function* decrypted(place) {
  const plain = await openedIn(join(place, "plain"));
  await fillRun(plain.store, "long", EVENTS, { bytes: BYTES });
  const bare = await bareCopy(join(place, "bare.db"), plain.store);
  await plain.store.close();
  const roots = rootKeys({ file: join(place, "ledger.key"), env: {}, command: [], folder: place });
  const { store } = await openedIn(join(place, "sealed"), { isOn: true, roots });
  await fillRun(store, "long", EVENTS, { bytes: BYTES });
  const perSecond = (read) => async () => (EVENTS * 1_000) / (await millis(read));
  yield await paired({
    name: `replay of ${EVENTS} encrypted events of 1 KB over a bare read and JSON.parse of plain ones`,
    ours: perSecond(() => ledgerOn(store).ledger.load("long")),
    floor: perSecond(() => readBare(bare)),
    unit: "events/s",
    goal: 7,
    aim: { min: 0.38 },
    bound: "a cipher of node:crypto for each event, beside what a plain replay takes",
  });
  bare.close();
  await store.close();
}

/** The same events as JSON text in one table, header and payload: as many bytes. */
const bareCopy = async (file, store) => {
  const bare = bareIn(file, "OFF");
  const insert = bare.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const all = await store.read("long", 0, EVENTS);
  bare.transaction(() => {
    for (const { payload, ...header } of all)
      insert.run(header.seq, JSON.stringify({ ...header, payload: JSON.parse(payload) }));
  })();
  return bare;
};

const readBare = (bare) => {
  let events = 0;
  for (const [payload] of bare.prepare("SELECT payload FROM events ORDER BY seq").raw().iterate())
    events += JSON.parse(payload).seq > 0 ? 1 : 0;
  if (events !== EVENTS) throw new Error(`read ${events} of ${EVENTS} events`);
};

async function* fromSnapshots(place) {
  const { store } = await openedIn(place);
  const sizes = { long: 100_000, short: 1_000 };
  for (const [runId, count] of Object.entries(sizes))
    await fillRun(store, runId, count, { bytes: BYTES, tail: 50 });
  const calls = 50;
  const resume = (runId) => async () => {
    const took = await millis(async () => {
      for (let call = 0; call < calls; call += 1) {
        const run = await ledgerOn(store).ledger.load(runId);
        if (run.seq !== sizes[runId]) throw new Error(`read ${run.seq} of ${sizes[runId]} events`);
      }
    });
    return took / calls;
  };
  yield await paired({
    name: "resume from a snapshot: a run of 100,000 events over one of 1,000",
    ours: resume("long"),
    floor: resume("short"),
    goal: 8,
    aim: { max: 1.5 },
  });
  await store.close();
}
