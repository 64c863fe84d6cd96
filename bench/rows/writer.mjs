// Who writes: the thread that decides, or one of its own that it sends each batch to. The same ledger, the same statements
// and the same group commit in both; only `append` goes another way (docs/adr/0038).
import { once } from "node:events";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { createRun, inFolder, ledgerOn, note, openedIn } from "../ledgers.mjs";
import { median, paired, percentile, REPETITIONS, row } from "../measure.mjs";

const RUNS_AT_ONCE = 100;
const EACH = 10;
/** Beyond the first checkpoint. */
const WARM = 500;
const TURNS = 30;

export async function* rows() {
  yield* inFolder(async function* (place) {
    const here = await writing(await openedIn(join(place, "here")));
    const there = await writing(await inThread(join(place, "there")));
    yield* alone(here, there);
    for (const bytes of [100, 1_000, 10_000]) yield* together(here, there, bytes);
    yield* pauses(here, there);
    for (const one of [here, there]) await one.close();
  });
}

/** A ledger whose appends are made by another thread, on a connection of its own. */
const inThread = async (folder) => {
  const { store } = await openedIn(folder);
  const thread = new Worker(new URL("../fixtures/writer-thread.mjs", import.meta.url), {
    workerData: folder,
  });
  await once(thread, "message");
  const asked = new Map();
  let next = 0;
  thread.on("message", ({ id, done, refused }) => {
    const { resolve, reject } = asked.get(id);
    asked.delete(id);
    if (refused === undefined) resolve(done);
    else reject(new Error(refused));
  });
  const append = (batch) =>
    new Promise((resolve, reject) => {
      next += 1;
      asked.set(next, { resolve, reject });
      thread.postMessage({ id: next, batch });
    });
  const close = async () => {
    thread.postMessage({ id: 0, batch: null });
    await once(thread, "exit");
    await store.close();
  };
  const overThread = { ...store, append, close };
  return { store: overThread, ...ledgerOn(overThread) };
};

const writing = async ({ store, ledger, me }) => {
  const runIds = Array.from({ length: RUNS_AT_ONCE }, (_, at) => `run_${at}`);
  await Promise.all(runIds.map((runId) => ledger.submit(runId, createRun, me)));
  let at = 0;
  const append = (runId, bytes) => {
    at += 1;
    return ledger.submit(runId, note(at, bytes), me);
  };
  const group = (bytes) =>
    Promise.all(
      runIds.map(async (runId) => {
        for (let step = 0; step < EACH; step += 1) await append(runId, bytes);
      }),
    );
  for (let warm = 0; warm < WARM; warm += 1) await append("run_0", 1_000);
  return { append, group, close: () => store.close() };
};

async function* alone(here, there) {
  const samples = new Map([
    [here, []],
    [there, []],
  ]);
  for (let turn = 0; turn < TURNS * REPETITIONS; turn += 1)
    for (const [one, taken] of samples)
      for (let at = 0; at < 10; at += 1) {
        const from = process.hrtime.bigint();
        await one.append("run_0", 1_000);
        taken.push(Number(process.hrtime.bigint() - from) / 1e3);
      }
  const [ours, theirs] = [samples.get(here), samples.get(there)];
  const told = (name, of) =>
    row({ name, ratio: of(ours) / of(theirs), ours: of(ours), floor: of(theirs), unit: "µs" });
  yield told("one append after the other: written here, over in a thread", median);
  yield told("the same, p99", (all) => percentile(all, 0.99));
}

async function* together(here, there, bytes) {
  const perSecond = (one) => async () => {
    const from = process.hrtime.bigint();
    await one.group(bytes);
    return (RUNS_AT_ONCE * EACH * 1e9) / Number(process.hrtime.bigint() - from);
  };
  for (const one of [here, there]) await one.group(bytes);
  yield await paired({
    name: `${RUNS_AT_ONCE} runs at once, ${bytes} bytes: written here, over in a thread`,
    ours: perSecond(here),
    floor: perSecond(there),
    unit: "events/s",
  });
}

/** How long nobody else gets a word in. */
async function* pauses(here, there) {
  const longest = (one) => async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await one.group(1_000);
    delay.disable();
    return delay.max / 1e6;
  };
  yield await paired({
    name: "longest pause of the event loop meanwhile: written here, over in a thread",
    ours: longest(here),
    floor: longest(there),
    unit: "ms",
  });
}
