// A durable append against a bare better-sqlite3 FULL commit of as many bytes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openRunLedger } from "runledger";
import { fillRun } from "../fill.mjs";
import { bareIn, bytesOf, createRun, environmentIn, inFolder, note, openedIn, plan } from "../ledgers.mjs";
import { median, paired, percentile, REPETITIONS, row } from "../measure.mjs";

/** Beyond the first checkpoint, from where on the write-ahead log is reused instead of growing. */
const WARM = 1_500;
/** Of ten appends each, a repetition. */
const TURNS = 30;
const RUNS_AT_ONCE = 100;

export async function* rows() {
  yield* inFolder(oneAtATime);
  yield* inFolder(manyAtOnce);
  yield* inFolder(asTheRunGrows);
  yield* inFolder(pagesWritten);
  yield* inFolder(countedFromOutside);
}

async function* oneAtATime(place) {
  const floor = timed(bareAppends(join(place, "bare.db"), await bytesOfNote(join(place, "sample"))));
  const store = timed(await storeAppends(join(place, "store")));
  const app = await publicAppends(join(place, "app"));
  const api = timed(app.append);
  const rowsAlone = timed(await sameRows(join(place, "rows"), ["run_1"]));
  const all = [floor, rowsAlone, store, api];
  for (const one of all) await one.take(WARM);
  for (const one of all) one.samples.length = 0;
  // In short turns: a disk that others use as well is slow for milliseconds, and then for all of them.
  for (let turn = 0; turn < TURNS * REPETITIONS; turn += 1) for (const one of all) await one.take(10);
  const bound = `the rows of an append (event, index, list), written by SQL alone, take ${(median(rowsAlone.samples) / median(floor.samples)).toFixed(2)} × the floor`;
  const over = (name, of, ours, max, goal) =>
    row({
      name: `durable append, one at a time: ${name}`,
      ratio: of(ours.samples) / of(floor.samples),
      ours: of(ours.samples),
      floor: of(floor.samples),
      unit: "µs",
      aim: max === undefined ? undefined : { max },
      bound,
      goal,
    });
  const p99 = (samples) => percentile(samples, 0.99);
  yield over("its rows, by SQL alone", median, rowsAlone);
  yield over("the store", median, store, 1.15, 1);
  yield over("the public API", median, api, 1.25, 1);
  yield over("the store, mean with its checkpoints", mean, store);
  yield over("the public API, mean with its checkpoints", mean, api);
  yield over("the public API, p99", p99, api, 1.5, 4);
  await app.close();
}

/** Takes so many appends, each a sample in microseconds. */
const timed = (append) => {
  const samples = [];
  const take = async (count) => {
    for (let at = 0; at < count; at += 1) {
      const start = process.hrtime.bigint();
      await append();
      samples.push(Number(process.hrtime.bigint() - start) / 1e3);
    }
  };
  return { samples, take };
};

const mean = (samples) => samples.reduce((sum, each) => sum + each, 0) / samples.length;

const bareAppends = (file, bytes) => {
  const db = bareIn(file);
  const insert = db.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const payload = "x".repeat(bytes);
  let seq = 0;
  return () => {
    seq += 1;
    insert.run(seq, payload);
  };
};

const bytesOfNote = async (folder) => {
  const { store, ledger, me } = await openedIn(folder);
  await ledger.submit("run_1", createRun, me);
  await ledger.submit("run_1", note(0), me);
  const [event] = await store.read("run_1", 1, 1);
  await store.close();
  return bytesOf(event);
};

/** The same note again and again, chained by hand: what the store alone costs. */
const storeAppends = async (folder) => {
  const { store, ledger, me } = await openedIn(folder);
  await ledger.submit("run_1", createRun, me);
  await ledger.submit("run_1", note(0), me);
  const [{ position: _position, ...event }] = await store.read("run_1", 1, 1);
  const { lastSeq, lastHash, createdAt, updatedAt, ...projection } = await store.runRow("run_1");
  let seq = lastSeq;
  return () => {
    const batch = { runId: "run_1", expectedSeq: seq, events: [{ ...event, seq: seq + 1 }], projection };
    seq += 1;
    return store.append(batch);
  };
};

/** The rows that an append to each of the runs writes, in one commit, without anything that checks or decides them. */
const sameRows = async (folder, runIds) => {
  const { store, ledger, me } = await openedIn(folder);
  for (const runId of runIds) await ledger.submit(runId, createRun, me);
  await ledger.submit(runIds[0], note(0), me);
  await store.close();
  const db = bareIn(join(folder, "ledger.db"));
  const { position: _position, ...event } = db
    .prepare("SELECT * FROM events WHERE run_id = ? ORDER BY seq DESC LIMIT 1")
    .get(runIds[0]);
  const names = Object.keys(event);
  const insert = db.prepare(
    `INSERT INTO events (${names.join(", ")}) VALUES (${names.map((name) => `@${name}`).join(", ")})`,
  );
  const update = db.prepare(
    "UPDATE runs SET last_seq = @seq, last_hash = @hash, updated_at = @at WHERE run_id = @run_id",
  );
  const seqs = new Map(
    db
      .prepare("SELECT run_id, last_seq FROM runs")
      .all()
      .map(({ run_id, last_seq }) => [run_id, last_seq]),
  );
  return db.transaction(() => {
    for (const runId of runIds) {
      const next = { ...event, run_id: runId, seq: seqs.get(runId) + 1 };
      seqs.set(runId, next.seq);
      insert.run(next);
      update.run(next);
    }
  });
};

const publicAppends = async (place) => {
  const app = await openRunLedger({ projectDir: place, env: environmentIn(place) });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const { runId } = await app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
  let at = 0;
  const append = () => {
    at += 1;
    return app.ledger.submit(runId, note(at), me);
  };
  return { append, close: () => app.close() };
};

async function* manyAtOnce(place) {
  const { store, ledger, me } = await openedIn(join(place, "ledger"));
  const runIds = Array.from({ length: RUNS_AT_ONCE }, (_, at) => `run_${at}`);
  await Promise.all(runIds.map((runId) => ledger.submit(runId, createRun, me)));
  const bare = bareIn(join(place, "bare.db"));
  const insert = bare.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const payload = "x".repeat(await bytesOfNote(join(place, "sample")));
  const group = bare.transaction(() => {
    for (let at = 0; at < RUNS_AT_ONCE; at += 1) insert.run(at, payload);
  });
  const each = 10;
  let at = 0;
  const perSecond = async (work) => {
    const from = process.hrtime.bigint();
    await work();
    return (RUNS_AT_ONCE * each * 1e9) / Number(process.hrtime.bigint() - from);
  };
  const ours = () =>
    perSecond(() =>
      Promise.all(
        runIds.map(async (runId) => {
          for (let step = 0; step < each; step += 1) {
            at += 1;
            await ledger.submit(runId, note(at), me);
          }
        }),
      ),
    );
  const floor = () =>
    perSecond(() => {
      for (let step = 0; step < each; step += 1) group();
    });
  const rowsOfAll = await sameRows(join(place, "rows"), runIds);
  const rowsAlone = () =>
    perSecond(() => {
      for (let step = 0; step < each; step += 1) rowsOfAll();
    });
  for (let warm = 0; warm < 3; warm += 1) for (const one of [ours, floor, rowsAlone]) await one();
  const alone = await paired({
    name: `${RUNS_AT_ONCE} runs at once: their rows, by SQL alone`,
    ours: rowsAlone,
    floor,
    unit: "events/s",
  });
  yield alone;
  yield await paired({
    name: `${RUNS_AT_ONCE} runs at once over bare commits of ${RUNS_AT_ONCE} events`,
    ours,
    floor,
    unit: "events/s",
    goal: 6,
    aim: { min: 0.3 },
    bound: `the rows alone, by SQL, reach ${alone.ratio.toFixed(2)} ×: each run has a place of its own in the index, so a commit writes as many pages as runs`,
  });
  await store.close();
  bare.close();
}

async function* asTheRunGrows(place) {
  const { store, ledger, me } = await openedIn(place);
  const sizes = { short: 1_000, long: 10_000 };
  const appends = {};
  for (const [runId, count] of Object.entries(sizes)) {
    await fillRun(store, runId, count, { bytes: 1_000, tail: 0 });
    appends[runId] = timed(() => ledger.submit(runId, note(appends[runId].samples.length), me));
    await appends[runId].take(10);
  }
  for (let turn = 0; turn < 10 * REPETITIONS; turn += 1)
    for (const one of Object.values(appends)) await one.take(10);
  const [ours, floor] = [appends.long, appends.short].map(({ samples }) => median(samples));
  const name = "append to a run of 10,000 events over one of 1,000";
  yield row({ name, ratio: ours / floor, ours, floor, unit: "µs", aim: { max: 1.2 } });
  await store.close();
}

/** What a commit costs beside its sync, whatever else the machine does at the moment: pages in the write-ahead log. */
async function* pagesWritten(place) {
  const appends = 100;
  const bare = bareAppends(join(place, "bare.db"), await bytesOfNote(join(place, "sample")));
  const pages = async (log, append) => {
    await append();
    const before = statSync(log).size;
    for (let at = 0; at < appends; at += 1) await append();
    return (statSync(log).size - before) / WAL_FRAME_BYTES / appends;
  };
  const ours = await pages(join(place, "store", "ledger.db-wal"), await storeAppends(join(place, "store")));
  const floor = await pages(join(place, "bare.db-wal"), bare);
  yield row({ name: "pages written per append", ratio: ours / floor, ours, floor, unit: "pages" });
}

/** A page of SQLite's default size and its header. */
const WAL_FRAME_BYTES = 4_096 + 24;

/** What only the system can tell: syncs, bytes on the disk, memory. */
async function* countedFromOutside(place) {
  const folder = () => mkdtempSync(join(place, "child-"));
  const syncs = (kind, count) => syncsOf([SOME, kind, folder(), String(count)], join(place, "strace"));
  if (hasStrace()) {
    const perAppend = (kind) => (syncs(kind, 2_100) - syncs(kind, 100)) / 2_000;
    const [ours, floor] = [perAppend("ledger"), perAppend("bare")];
    yield row({
      name: "syncs per append, counted by strace, over a bare commit's",
      ratio: ours / floor,
      ours,
      floor,
      unit: "syncs",
      goal: 3,
      // Not 1: checkpoints sync as well, and more pages come to one sooner.
      aim: { max: 1.05 },
    });
  }
  const counts = [1_000, 10_000];
  const kinds = { ledger: [], bare: [] };
  for (const [kind, ended] of Object.entries(kinds))
    for (const count of counts) {
      const own = folder();
      const { memoryBytes } = JSON.parse(execFileSync(process.execPath, [SOME, kind, own, String(count)]));
      const file = join(own, kind === "bare" ? "bare.db" : "ledger.db");
      ended.push({ memory: memoryBytes / 1e6, disk: statSync(file).size / count });
    }
  const [[shortRun, longRun], [bareShort, bareRun]] = [kinds.ledger, kinds.bare];
  const bound = `the collector, which lets garbage lie while there is room: the bare commits grow ${(bareRun.memory / bareShort.memory).toFixed(2)} × as well`;
  const over = (name, unit, ours, floor, max) =>
    row({ name, ratio: ours / floor, ours, floor, unit, aim: { max }, bound, goal: 10 });
  yield over("bytes on the disk per append of 1 KB", "bytes", longRun.disk, bareRun.disk, 2);
  yield over("peak memory of 10,000 appends", "MB", longRun.memory, bareRun.memory, 1.6);
  yield over("peak memory of 10,000 appends over 1,000", "MB", longRun.memory, shortRun.memory, 1.2);
}

const SOME = fileURLToPath(new URL("../fixtures/append-some.mjs", import.meta.url));

const hasStrace = () => {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    console.log("syncs per append: not counted, strace does not run here");
    return false;
  }
};

const syncsOf = (args, log) => {
  execFileSync("strace", ["-f", "-e", "trace=fsync,fdatasync", "-o", log, process.execPath, ...args]);
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /\b(fsync|fdatasync)\(/.test(line)).length;
};
