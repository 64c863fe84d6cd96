// Effects of an agent in this process against bare commits of as many bytes, and reading them back after its worker was lost.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRunLedger } from "runledger";
import { bareIn, bytesOf, environmentIn, inFolder, plan } from "../ledgers.mjs";
import { median, paired, percentile, REPETITIONS, row } from "../measure.mjs";

const guarded = { class: "guarded", onAmbiguous: "fail" };
const VALUE = "v".repeat(200);
/** Of ten effects each, a repetition. */
const TURNS = 20;
const WARM = 300;
const RUNS_AT_ONCE = 100;

export async function* rows() {
  yield* inFolder(oneAfterTheOther);
  yield* inFolder(sealed);
  yield* inFolder(manyAtOnce);
  for (const count of [1_000, 10_000]) yield* inFolder((place) => readBack(place, count));
}

/** Lets `work` be the agent of a run in a project of its own, and drives it. */
const asAgent = async (place, work, { signal, sealed = false } = {}) => {
  const project = join(place, "project");
  await mkdir(project, { recursive: true });
  await writeFile(join(project, "runledger.yaml"), "");
  const agents = { a: async (_task, effects) => `${await work(effects)}` };
  const env = { ...environmentIn(place), RUNLEDGER_SET_durable__encryption: String(sealed) };
  const app = await openRunLedger({ projectDir: project, env, agents });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const given = { plan, sessionKey: "bench", originalRequest: "bench", idempotencyKey: "one" };
  const { runId } = await app.createRun(me, given);
  const { run } = await app.drive(runId, signal);
  return { app, run, me };
};

async function* oneAfterTheOther(place) {
  const samples = { ours: [], floor: [], five: [], bareFive: [] };
  const bytes = await bytesOfEffect(join(place, "sample"));
  const bare = bareCommits(join(place, "bare.db"), bytes);
  const { app, run } = await asAgent(join(place, "app"), async (effects) => {
    const one = () => effects.effect("call", guarded, () => VALUE);
    for (let at = 0; at < WARM; at += 1) await one();
    for (let turn = 0; turn < TURNS * REPETITIONS; turn += 1) {
      samples.floor.push(...(await timed(10, bare)));
      samples.ours.push(...(await timed(10, one)));
      samples.bareFive.push(...(await timed(1, async () => repeat(5, bare))));
      samples.five.push(...(await timed(1, () => repeat(5, one))));
    }
    return "done";
  });
  if (run.state.status !== "completed") throw new Error(`the run is ${run.state.status}`);
  await app.close();
  const over = (name, of, [ours, floor], max, unit, goal) =>
    row({
      name,
      ratio: of(ours) / of(floor),
      ours: of(ours),
      floor: of(floor),
      unit,
      aim: { max },
      bound: BOUND,
      goal,
    });
  const p99 = (all) => percentile(all, 0.99);
  yield over(
    "a durable effect, one after the other, over a bare commit",
    median,
    [samples.ours, samples.floor],
    1.25,
    "µs",
    1,
  );
  yield over("a durable effect, p99", p99, [samples.ours, samples.floor], 1.5, "µs", 4);
  yield over(
    "five durable effects over five bare commits",
    median,
    [samples.five, samples.bareFive],
    1.3,
    "µs",
    5,
  );
}

/** The same with every event sealed, under a key of the run's own. */
async function* sealed(place) {
  const samples = { ours: [], floor: [] };
  const bare = bareCommits(join(place, "bare.db"), await bytesOfEffect(join(place, "sample")));
  const effects = async (context) => {
    const one = () => context.effect("call", guarded, () => VALUE);
    for (let at = 0; at < WARM; at += 1) await one();
    for (let turn = 0; turn < TURNS * REPETITIONS; turn += 1) {
      samples.floor.push(...(await timed(10, bare)));
      samples.ours.push(...(await timed(10, one)));
    }
    return "done";
  };
  const { app } = await asAgent(join(place, "app"), effects, { sealed: true });
  await app.close();
  const [ours, floor] = [median(samples.ours), median(samples.floor)];
  const name = "a durable effect of an encrypted run, over a bare commit";
  yield row({ name, ratio: ours / floor, ours, floor, unit: "µs", goal: 2, aim: { max: 1.4 }, bound: BOUND });
}

const BOUND =
  "two events an effect (intended, settled), each decided, validated, hashed and folded; an append alone is in `append`";

async function* manyAtOnce(place) {
  const each = 10;
  const bytes = await bytesOfEffect(join(place, "sample"));
  const bare = bareIn(join(place, "bare.db"));
  const insert = bare.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const payload = "x".repeat(bytes);
  const group = bare.transaction(() => {
    for (let at = 0; at < RUNS_AT_ONCE; at += 1) insert.run(at, payload);
  });
  const perSecond = (from) => (RUNS_AT_ONCE * each * 1e9) / Number(process.hrtime.bigint() - from);
  let app;
  const barrier = meeting(RUNS_AT_ONCE);
  const rates = { ours: [], floor: [] };
  const project = join(place, "project");
  await mkdir(project, { recursive: true });
  await writeFile(join(project, "runledger.yaml"), "");
  const agents = {
    a: async (_task, effects) => {
      const one = () => effects.effect("call", guarded, () => VALUE);
      for (let round = 0; round < REPETITIONS; round += 1) {
        const from = await barrier.meet(() => {
          const before = process.hrtime.bigint();
          for (let step = 0; step < each; step += 1) group();
          rates.floor.push(perSecond(before));
          return process.hrtime.bigint();
        });
        await repeat(each, one);
        await barrier.meet(() => rates.ours.push(perSecond(from)));
      }
      return "done";
    },
  };
  app = await openRunLedger({ projectDir: project, env: environmentIn(place), agents });
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const runs = [];
  for (let at = 0; at < RUNS_AT_ONCE; at += 1)
    runs.push((await app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" })).runId);
  await Promise.all(runs.map((runId) => app.drive(runId)));
  await app.close();
  const [ours, floor] = [median(rates.ours), median(rates.floor)];
  yield row({
    name: `${RUNS_AT_ONCE} runs at once, ${each} effects each, over bare commits of ${RUNS_AT_ONCE}`,
    ratio: ours / floor,
    ours,
    floor,
    unit: "effects/s",
    goal: 6,
    aim: { min: 0.3 },
    bound: BOUND,
  });
}

/** What was recorded before its worker was lost, read by the next life of the attempt, against a bare read of as many rows. */
async function* readBack(place, count) {
  const stop = new AbortController();
  const first = await asAgent(
    place,
    async (effects) => {
      await repeat(count, () => effects.effect("call", { class: "pure" }, () => VALUE));
      await effects.effect("last", guarded, () => VALUE);
      stop.abort();
      return new Promise(() => undefined);
    },
    { signal: stop.signal },
  );
  await first.app.close();
  const bytes = await bytesOfEffect(join(place, "sample"));
  const bare = bareCommits(join(place, "bare.db"), bytes);
  await repeat(count, async () => bare());
  const again = async () => {
    const halt = new AbortController();
    let from = 0n;
    let took = 0;
    from = process.hrtime.bigint();
    const { app } = await asAgent(
      place,
      async (effects) => {
        await repeat(count, () => effects.effect("call", { class: "pure" }, () => VALUE));
        took = Number(process.hrtime.bigint() - from) / 1e6;
        halt.abort();
        return new Promise(() => undefined);
      },
      { signal: halt.signal },
    );
    await app.close();
    return took;
  };
  yield await paired({
    name: `open, take over and read back ${count} effects, over a bare read of them`,
    ours: again,
    floor: async () => bare.readMs(),
    goal: 8,
    aim: { max: 3 },
    bound: "opening the ledger, the lease and the folder of the step, which the bare read has not",
  });
}

const repeat = async (times, work) => {
  for (let at = 0; at < times; at += 1) await work();
};

/** So many samples in microseconds. */
const timed = async (times, work) => {
  const samples = [];
  for (let at = 0; at < times; at += 1) {
    const from = process.hrtime.bigint();
    await work();
    samples.push(Number(process.hrtime.bigint() - from) / 1e3);
  }
  return samples;
};

/** Everybody waits for everybody; the last one says what they get. */
const meeting = (size) => {
  let here = [];
  return {
    meet: (last) =>
      new Promise((resolve) => {
        here.push(resolve);
        if (here.length < size) return;
        const all = here;
        here = [];
        const answer = last();
        for (const go of all) go(answer);
      }),
  };
};

const bareCommits = (file, bytes) => {
  const db = bareIn(file);
  const insert = db.prepare("INSERT INTO events (seq, payload) VALUES (?, ?)");
  const payload = JSON.stringify({ value: "x".repeat(bytes) });
  let seq = 0;
  const commit = () => {
    seq += 1;
    insert.run(seq, payload);
  };
  const readMs = () => {
    const from = process.hrtime.bigint();
    const again = bareIn(file);
    for (const [text] of again.prepare("SELECT payload FROM events ORDER BY seq").raw().iterate())
      JSON.parse(text);
    again.close();
    return Number(process.hrtime.bigint() - from) / 1e6;
  };
  return Object.assign(commit, { readMs });
};

/** Of the two events of one effect, so that the floor writes as much. */
const bytesOfEffect = async (place) => {
  const { app, run } = await asAgent(place, async (effects) => {
    await effects.effect("call", guarded, () => VALUE);
    return "done";
  });
  const events = await app.ledger.store.read(run.runId, 0, 100);
  await app.close();
  return events
    .filter(({ type }) => type.startsWith("effect_"))
    .reduce((sum, event) => sum + bytesOf(event), 0);
};
