// RunLedger beside the bare database and beside other durable programs, each in processes of its own, in turns, in one run.
// `npm run bench:peers` installs them; what is not there is said, and the rest goes on. What they do is in bench/peers/.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inFolder } from "../ledgers.mjs";
import { median, REPETITIONS, row } from "../measure.mjs";
import { startPostgres, syncsIn } from "../peers/postgres.mjs";

const CHILD = fileURLToPath(new URL("../peers/child.mjs", import.meta.url));
const installed = (name) => fileURLToPath(new URL(`../peers/node_modules/${name}`, import.meta.url));

/** Effects of the long run; RUNLEDGER_BENCH_EFFECTS takes fewer for a quick look. */
const LONG = Number(process.env.RUNLEDGER_BENCH_EFFECTS ?? 1_000);
/** As many as were recorded when the process was killed. */
const RECORDED = [LONG, 10 * LONG];
/** Whatever hangs is left out; no child takes half as long on a quiet machine, nor for each thousand effects of a longer life. */
const CHILD_MS = 180_000;
const CHILD_MS_PER_EFFECT = 180;
/** A life after more than LONG effects takes some peers minutes, of which fewer repetitions tell enough. */
const LONGER_REPETITIONS = Math.min(REPETITIONS, 3);
/** Effects of the longer of two runs under strace; the shorter one has none beyond those that start it. */
const COUNTED = 500;

const PEERS = [
  { name: "bare better-sqlite3", driver: "bare" },
  { name: "RunLedger", driver: "runledger", aims: true },
  {
    name: "openworkflow, SQLite",
    driver: "openworkflow",
    needs: "openworkflow",
    node: "node/bin/node",
    // It refuses the thousandth step of a run; its last one is that of the kill.
    most: 950,
  },
  { name: "LangGraph, SQLite, set to FULL", driver: "langgraph", needs: "@langchain/langgraph" },
  { name: "DBOS, PostgreSQL", driver: "dbos", needs: "@dbos-inc/dbos-sdk", server: true },
];

export async function* rows() {
  yield* inFolder(measured);
}

async function* measured(place) {
  const server = await serverOr(undefined);
  try {
    const peers = PEERS.filter((peer) => isHere(peer, server));
    const places = placesIn(place, server);
    const taken = new Map(peers.map(({ driver }) => [driver, {}]));
    for (let round = 1; round <= REPETITIONS; round += 1) await repetition(peers, places, taken, round);
    yield* comparisons(peers, taken);
    yield* lives(peers, places);
  } finally {
    await server?.stop();
  }
  yield* syncs(place);
}

const isHere = ({ name, needs, server: needsServer }, server) => {
  if (needs !== undefined && !existsSync(installed(needs)))
    console.log(`${name}: not measured, it is not installed (npm run bench:peers)`);
  else if (needsServer && server === undefined) console.log(`${name}: not measured, without PostgreSQL`);
  else return true;
  return false;
};

const serverOr = async (traced) => {
  try {
    return await startPostgres(traced);
  } catch (error) {
    console.log(`PostgreSQL: ${error.message}`);
    return undefined;
  }
};

/** A folder or a database of its own, and how many bytes lie there. */
const placesIn = (place, server) => {
  let made = 0;
  return {
    fresh: async (peer) => {
      if (peer.server) return server.database();
      made += 1;
      const folder = join(place, `${peer.driver}-${made}`);
      await mkdir(folder);
      return folder;
    },
    bytesOf: (peer, at) => (peer.server ? server.bytesOf(at) : bytesBelow(at)),
  };
};

const bytesBelow = async (folder) => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (one) => (await stat(join(one.parentPath, one.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

/** Without what this machine sets for Node: certificates of its own alone take longer to load than Node itself. */
const PLAIN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NODE_")));

/**
 * Starts a child and answers with what it told, when it has ended; one that was told to reach an effect is killed there.
 * `readyMs`, `reachedMs`: from the start of its process.
 */
const lifeOf = async (peer, mode, at, count, under = []) => {
  const from = process.hrtime.bigint();
  const since = () => Number(process.hrtime.bigint() - from) / 1e6;
  const node = peer.node === undefined ? process.execPath : installed(peer.node);
  const [execPath, ...execArgv] = [...under, node];
  const child = fork(CHILD, [peer.driver, mode, at, String(count)], {
    execPath,
    execArgv,
    env: PLAIN,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const told = {};
  let said = "";
  child.stderr.on("data", (bytes) => {
    said = `${said}${bytes}`.slice(-500);
  });
  child.on("message", (message) => {
    if (message.ready) told.readyMs = since();
    if (message.reached) told.reachedMs = since();
    Object.assign(told, message);
    if (message.reached) child.kill("SIGKILL");
  });
  const late = setTimeout(() => child.kill("SIGKILL"), CHILD_MS + count * CHILD_MS_PER_EFFECT);
  const [code] = await once(child, "exit");
  clearTimeout(late);
  if (code === 0 || told.reached) return told;
  throw new Error(`${mode} ended with ${code ?? "a kill"}: ${said.trim().split("\n").at(-1)}`);
};

const mostOf = (peer, count) => Math.min(count, peer.most ?? count);

const repetition = async (peers, places, taken, round) => {
  for (const peer of peers) {
    const into = taken.get(peer.driver);
    if (into.failed) continue;
    const from = Date.now();
    try {
      const keep = (figures) => {
        for (const [name, value] of Object.entries(figures))
          if (typeof value === "number") {
            into[name] ??= [];
            into[name].push(value);
          }
      };
      const idle = await places.fresh(peer);
      keep(await lifeOf(peer, "start", idle, 0));
      const long = await places.fresh(peer);
      const count = mostOf(peer, LONG);
      const { readyMs: _, ...figures } = await lifeOf(peer, "long", long, count);
      const bytes = (await places.bytesOf(peer, long)) - (await places.bytesOf(peer, idle));
      keep({ ...figures, bytes: bytes / (count + WARM_EFFECTS) });
      const { readyMs: __, ...many } = await lifeOf(peer, "many", await places.fresh(peer), 0);
      keep(many);
      if (peer.driver === "bare") {
        const { manyPerSecond } = await lifeOf(peer, "grouped", await places.fresh(peer), 0);
        keep({ groupedPerSecond: manyPerSecond });
      }
    } catch (error) {
      into.failed = error.message;
      console.log(`${peer.name}: not measured, ${error.message}`);
    }
    progress(`repetition ${round} of ${REPETITIONS}: ${peer.name}`, from);
  }
};

/** Of the runs before the long one. */
const WARM_EFFECTS = 50 + 5 * 5;

const progress = (what, from) => console.error(`  ${what}, ${((Date.now() - from) / 1e3).toFixed(1)} s`);

const FIGURES = [
  { key: "effectUs", name: "an effect of a long run, median", unit: "µs", goal: 1, aim: { max: 1.25 } },
  { key: "effectP99Us", name: "an effect of a long run, p99", unit: "µs", goal: 4, aim: { max: 1.5 } },
  { key: "perEffectUs", name: `${LONG} effects in one run, each`, unit: "µs" },
  { key: "fiveMs", name: "five effects, inside the run", unit: "ms", goal: 5, aim: { max: 1.3 } },
  { key: "fiveWholeMs", name: "five effects, from call to result", unit: "ms" },
  {
    key: "manyPerSecond",
    floor: "groupedPerSecond",
    name: "100 runs × 10 effects, over group commits",
    unit: "effects/s",
    goal: 6,
    aim: { min: 0.3 },
  },
  { key: "manyWholePerSecond", name: "100 runs × 10 effects, from call to result", unit: "effects/s" },
  { key: "bytes", name: "bytes on the disk per effect", unit: "bytes", goal: 10, aim: { max: 2 } },
  { key: "memoryMb", name: "peak memory of a long run", unit: "MB", goal: 10, aim: { max: 1.6 } },
  { key: "readyMs", name: "process start to open store", unit: "ms", goal: 11, aim: { max: 1.8 } },
];

function* comparisons(peers, taken) {
  const bare = taken.get("bare");
  for (const { key, floor = key, name, unit, goal, aim } of FIGURES)
    for (const peer of peers) {
      const values = taken.get(peer.driver)[key];
      if (values === undefined || (peer.driver === "bare" && floor === key)) continue;
      const [ours, theirs] = [median(values), median(bare[floor])];
      const judged = peer.aims ? { goal, aim } : {};
      yield row({
        name: `${name}: ${peer.name}`,
        ratio: ours / theirs,
        ours,
        floor: theirs,
        unit,
        ...judged,
      });
    }
  const rate = (driver) => median(taken.get(driver)?.manyPerSecond ?? [0]);
  const best = Math.max(rate("openworkflow"), rate("langgraph"));
  if (best === 0) return;
  yield row({
    name: "100 runs × 10 effects: RunLedger over the best synced peer on SQLite",
    ratio: rate("runledger") / best,
    ours: rate("runledger"),
    floor: best,
    unit: "effects/s",
    goal: 6,
    aim: { min: 10 },
  });
}

/** Killed within an effect, and how long the next process takes until it does it again: nothing is waited for but itself. */
async function* lives(peers, places) {
  for (const recorded of RECORDED) {
    const able = peers.filter(({ most = recorded }) => most >= recorded || recorded === LONG);
    const seeds = new Map();
    for (const peer of able) {
      const from = Date.now();
      const at = await places.fresh(peer);
      try {
        await lifeOf(peer, "seed", at, mostOf(peer, recorded));
        seeds.set(peer, { at, reached: [], repeated: [] });
      } catch (error) {
        console.log(`${peer.name}, resume after ${recorded}: not measured, ${error.message}`);
      }
      progress(`${recorded} effects recorded, then killed: ${peer.name}`, from);
    }
    const repetitions = recorded > LONG ? LONGER_REPETITIONS : REPETITIONS;
    if (repetitions < REPETITIONS) console.log(`after ${recorded} effects: ${repetitions} repetitions`);
    for (let round = 0; round < repetitions; round += 1)
      for (const [peer, seed] of seeds) await resumedOnce(peer, seed, recorded);
    const floors = seeds.get(peers.find(({ driver }) => driver === "bare"))?.reached ?? [];
    for (const [peer, { reached, repeated, failed }] of seeds) {
      if (failed) console.log(`${peer.name}, resume after ${recorded}: not measured, ${failed}`);
      if (failed || peer.driver === "bare" || floors.length === 0) continue;
      if (Math.max(...repeated) > 0) console.log(`${peer.name}: did ${Math.max(...repeated)} effects again`);
      const [ours, theirs] = [median(reached), median(floors)];
      yield row({
        name: `killed after ${mostOf(peer, recorded)} effects, process start to the next: ${peer.name}`,
        ratio: ours / theirs,
        ours,
        floor: theirs,
        unit: "ms",
        ...(peer.aims ? { goal: 9, aim: { max: 2 } } : {}),
      });
    }
  }
}

/** A peer that cannot do it is left out, and the others go on. */
const resumedOnce = async (peer, seed, recorded) => {
  if (seed.failed) return;
  try {
    const { reachedMs, repeated } = await lifeOf(peer, "resume", seed.at, mostOf(peer, recorded));
    seed.reached.push(reachedMs);
    seed.repeated.push(repeated);
  } catch (error) {
    seed.failed = error.message;
  }
};

/** Syncs of the process, or of its server, for each effect of a long run: a second one, and what a run without them takes off. */
async function* syncs(place) {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
  } catch {
    return console.log("syncs per effect: not counted, strace does not run here");
  }
  let floor = 0;
  for (const peer of PEERS) {
    const from = Date.now();
    const server = peer.server ? await serverOr(true) : undefined;
    if (!isHere(peer, server)) continue;
    try {
      const own = join(place, `counted-${peer.driver}`);
      await mkdir(own);
      const counted = await syncsPerEffect(peer, placesIn(own, server), server, join(own, "strace"));
      if (peer.driver === "bare") floor = counted;
      else
        yield row({
          name: `syncs per effect, counted by strace: ${peer.name}`,
          ratio: counted / floor,
          ours: counted,
          floor,
          unit: "syncs",
          // Not 1: checkpoints of the write-ahead log sync as well.
          ...(peer.aims ? { goal: 3, aim: { max: 1.05 } } : {}),
        });
    } catch (error) {
      console.log(`${peer.name}: syncs not counted, ${error.message}`);
    } finally {
      await server?.stop();
    }
    progress(`syncs counted: ${peer.name}`, from);
  }
}

const syncsPerEffect = async (peer, places, server, log) => {
  const count = async (effects) => {
    const at = await places.fresh(peer);
    const before = server?.syncs() ?? 0;
    const under = server === undefined ? ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", log] : [];
    await lifeOf(peer, "some", at, effects, under);
    return (server?.syncs() ?? syncsIn(log)) - before;
  };
  const few = await count(10);
  return ((await count(10 + COUNTED)) - few) / COUNTED;
};
