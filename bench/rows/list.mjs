// What people look at, in a ledger of 10,000 runs and 1,000,000 events, and how it grows from a tenth of that.
import { join } from "node:path";
import { listRuns, viewRun } from "../../dist/src/ledger/look-up.js";
import { fillRuns, runName } from "../fill.mjs";
import { bareIn, inFolder, ledgerOn, openedIn } from "../ledgers.mjs";
import { millis, paired } from "../measure.mjs";

const EVENTS_PER_RUN = 100;
const CALLS = 100;

export const rows = () => inFolder(all);

async function* all(place) {
  const [small, large] = [
    await filled(join(place, "small"), 1_000),
    await filled(join(place, "large"), 10_000),
  ];
  const bare = await bareLists(join(place, "bare.db"), large.store);
  const questions = {
    "list of the newest 50": { limit: 50 },
    "list of 50 of one status": { limit: 50, statuses: ["planning"] },
    "list of 50 of one session": { limit: 50, sessionKey: "session-7" },
    "the last page of the list": { limit: 50, afterRunId: runName(50) },
  };
  for (const [name, query] of Object.entries(questions)) {
    const list = ({ ledger }) => each(() => listRuns(ledger, query));
    yield await paired({
      name: `${name}, over a bare read`,
      ours: list(large),
      floor: each(bare.list),
      unit: "µs",
    });
    yield await paired(grown(name, list));
  }
  const show = ({ store, runs }) => {
    let at = 0;
    // With nothing in memory, as `runledger show` has it.
    return each(() => {
      at += 37;
      return viewRun(ledgerOn(store).ledger, runName(at % runs));
    });
  };
  yield await paired({
    name: "show, over a bare read",
    ours: show(large),
    floor: each(bare.show),
    unit: "µs",
  });
  yield await paired(grown("show", show));
  const feed = ({ ledger, store }) =>
    each(async () => ledger.feed((await store.feed(0, 1))[0].position, 100));
  yield await paired(grown("feed of 100 events", feed));
  for (const { store } of [small, large]) await store.close();
  bare.close();

  function grown(name, ask) {
    return {
      name: `${name}: 1,000,000 events over 100,000`,
      ours: ask(large),
      floor: ask(small),
      unit: "µs",
      aim: { max: 1.5 },
    };
  }
}

const filled = async (place, runs) => {
  const opened = await openedIn(place);
  await fillRuns(opened.store, { runs, eventsPerRun: EVENTS_PER_RUN, bytes: 100 });
  return { ...opened, runs };
};

/** Microseconds of one call. */
const each = (call) => async () => {
  const took = await millis(async () => {
    for (let count = 0; count < CALLS; count += 1) await call();
  });
  return (took * 1_000) / CALLS;
};

/** The same rows and snapshots as JSON text by number: read and parsed, nothing asked. */
const bareLists = async (file, store) => {
  const db = bareIn(file, "OFF");
  const insert = db.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const page = db.prepare("SELECT payload FROM events ORDER BY position DESC LIMIT 50").raw();
  const one = db.prepare("SELECT payload FROM events WHERE position = ?").raw();
  for (const row of await store.list({ limit: 50 })) insert.run(0, JSON.stringify(row));
  const { body } = await store.readSnapshot(runName(0));
  const snapshot = insert.run(1, body.slice(64)).lastInsertRowid;
  return {
    list: () => page.all().map(([text]) => JSON.parse(text)),
    show: () => JSON.parse(one.get(snapshot)[0]),
    close: () => db.close(),
  };
};
