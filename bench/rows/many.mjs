// How the cost of a step grows with the number of steps, and what more processes are worth. Agents are functions and judges
// look for a file, so what is timed is the orchestrator; with git isolation it is the clones and rooms as well.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openRunLedger } from "runledger";
import { median, millis, paired, REPETITIONS, row } from "../measure.mjs";

const LONG = Number(process.env.RUNLEDGER_BENCH_STEPS ?? 1_000);
/** A long run takes many seconds; three of them tell enough. */
const FEW = Math.min(3, REPETITIONS);

export async function* rows() {
  const perStep = async (size, more) => (await driven(size, more)).perStep;
  for (const shape of ["chain", "fan", "layers"])
    yield await paired({
      name: `a step of ${LONG} (${shape}), against one of ${LONG / 10}`,
      ours: () => perStep(LONG, { shape }),
      floor: () => perStep(LONG / 10, { shape }),
      aim: { max: 1.5 },
      bound: "each event copies the list of steps and looks through it once",
      repetitions: FEW,
    });
  const tenths = [];
  for (let round = 0; round < FEW; round += 1) tenths.push(await driven(LONG, { shape: "chain" }));
  const [ours, floor] = [median(tenths.map(({ last }) => last)), median(tenths.map(({ first }) => first))];
  yield row({
    name: `the last tenth of ${LONG} steps, against the first (p50)`,
    ratio: ours / floor,
    ours,
    floor,
    unit: "ms",
    aim: { max: 1.5 },
  });
  yield await paired({
    name: "a step of 60 (chain, git), against one of 6",
    ours: () => perStep(60, { shape: "chain", isolated: true }),
    floor: () => perStep(6, { shape: "chain", isolated: true }),
    aim: { max: 1.5 },
    bound:
      "what a step removes makes the next one's files slow to create (ext4 without a journal skips freed inodes)",
    repetitions: FEW,
  });
  yield await paired({
    name: "50 runs in four processes, against one process",
    ours: () => raced(4),
    floor: () => raced(1),
    aim: { max: 1.1 },
    bound: "one writer at a time on one file, and as many cores as there are",
    repetitions: FEW,
  });
}

const NEEDS = {
  chain: (at) => (at === 0 ? [] : [at - 1]),
  fan: (at) => (at === 0 ? [] : [0]),
  layers: (at) => (at < 10 ? [] : Array.from({ length: 10 }, (_, one) => Math.floor(at / 10 - 1) * 10 + one)),
};

const planOf = (size, shape, isolated) => ({
  goal: "bench",
  steps: Array.from({ length: size }, (_, at) => ({
    id: `s${at}`,
    goal: `do ${at}`,
    owner_agent: "coder",
    depends_on: NEEDS[shape](at).map((need) => `s${need}`),
    validator: isolated
      ? { type: "artifact_exists", target: `s${at}.txt` }
      : { type: "artifact_exists", target: "a.txt", params: { changed: false } },
  })),
});

/** A project of one file, and what is needed to open it. */
const project = async (isolated) => {
  const place = await mkdtemp(join(tmpdir(), "runledger-bench-"));
  const repo = join(place, "repo");
  await mkdir(repo);
  await writeFile(join(repo, "a.txt"), "a\n");
  await writeFile(join(repo, "runledger.yaml"), `runLedger: { workspaceIsolation: ${isolated} }\n`);
  const git = (...args) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@localhost", ...args], { cwd: repo });
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "--message", "base");
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    RUNLEDGER_HOME: join(place, "data"),
    XDG_STATE_HOME: join(place, "state"),
    XDG_CONFIG_HOME: join(place, "config"),
  };
  return { repo, env, remove: () => rm(place, { recursive: true, force: true }) };
};

const person = (app) => app.issue({ name: "ada", role: "human", sessionKey: "bench" });

const create = (app, plan) =>
  app.createRun(person(app), { plan, sessionKey: "bench", originalRequest: "bench" });

/** Milliseconds per step of one whole run, and the median gaps between verdicts of its first and last tenth. */
const driven = async (size, { shape, isolated = false }) => {
  const { repo, env, remove } = await project(isolated);
  const coder = async ({ workspace, stepId }) => {
    if (isolated) await writeFile(join(workspace, `${stepId}.txt`), stepId);
    return "done";
  };
  const app = await openRunLedger({ projectDir: repo, env, agents: { coder } });
  const { runId } = await create(app, planOf(size, shape, isolated));
  const verdicts = [performance.now()];
  app.ledger.observe((events) => {
    for (const { type } of events) if (type === "step_validation_passed") verdicts.push(performance.now());
  });
  const whole = await millis(() => app.drive(runId));
  if (verdicts.length !== size + 1) throw new Error(`${verdicts.length - 1} of ${size} steps are verified`);
  await app.close();
  await remove();
  const gaps = verdicts.slice(1).map((at, index) => at - verdicts[index]);
  const tenth = Math.max(1, Math.floor(size / 10));
  return { perStep: whole / size, first: median(gaps.slice(0, tenth)), last: median(gaps.slice(-tenth)) };
};

const RUNS = 50;
const worker = fileURLToPath(new URL("../many-worker.mjs", import.meta.url));

/** Milliseconds that so many processes need for fifty runs of ten steps, from the word go to the end of the last one. */
const raced = async (processes) => {
  const { repo, env, remove } = await project(false);
  const app = await openRunLedger({ projectDir: repo, env, agents: { coder: () => "done" } });
  for (let count = 0; count < RUNS; count += 1) await create(app, planOf(10, "chain", false));
  const children = await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = spawn(process.execPath, [worker, repo], { env, stdio: ["pipe", "pipe", "inherit"] });
      await once(child.stdout, "data");
      return child;
    }),
  );
  const whole = await millis(async () => {
    for (const child of children) child.stdin.write("go\n");
    await Promise.all(children.map((child) => once(child, "exit")));
  });
  const left = await app.list({ limit: 100, statuses: ["running"] });
  if (left.length > 0) throw new Error(`${left.length} runs are not completed`);
  await app.close();
  await remove();
  return whole;
};
