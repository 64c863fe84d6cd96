import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { isLedgerError, openRunLedger, type RunLedger } from "../../src/index.js";
import { readBundle } from "../../src/ledger/bundle.js";
import { buildPackage } from "../helpers/built.js";
import { figure } from "../helpers/figures.js";
import { linesOf } from "../helpers/kills.js";
import {
  buggySum,
  FIXED_SUM,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize } from "../helpers/sweep.js";

/** A ledger with three finished runs that share a piece of output, and one that runs; all of it some hours old. */
const RUNS = 3;
let built: ReturnType<typeof buildPackage>;
let shop: Sample;
let finished: readonly string[];
/** Number of acts of an undisturbed prune. */
let acts: number;

beforeAll(async () => {
  built = buildPackage();
  shop = await makeSample(buggySum);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 72 * 3_600_000 });
  const app = await shop.open({
    coder: async ({ workspace }) => {
      await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
      return "fixed";
    },
  });
  const created = () =>
    app.createRun(person(app), { plan: onePlan(), sessionKey: SESSION, originalRequest: "try" });
  const ended: string[] = [];
  for (let count = 0; count < RUNS; count += 1)
    ended.push((await app.drive((await created()).runId)).run.runId);
  await created();
  finished = ended;
  await app.close();
  vi.useRealTimers();
  const trial = await openTrial();
  expect(await prune(trial, { trace: join(trial.place, "trace") })).toMatchObject({ code: 0 });
  acts = linesOf(join(trial.place, "trace")).length;
}, SWEEP_MS);
afterEach(() => vi.useRealTimers());
afterAll(async () => {
  built.remove();
  for (const place of places.splice(0)) await rm(place, { recursive: true, force: true });
  await shop.dispose();
});

const places: string[] = [];

type Trial = {
  readonly place: string;
  readonly env: NodeJS.ProcessEnv;
  readonly app: () => Promise<RunLedger>;
};

/** A copy of the ledger, with the same project. */
const openTrial = async (): Promise<Trial> => {
  const place = await mkdtemp(join(tmpdir(), "runledger-prune-"));
  places.push(place);
  await cp(join(shop.place, "data"), join(place, "data"), { recursive: true });
  const env = { ...shop.env, RUNLEDGER_HOME: join(place, "data"), XDG_STATE_HOME: join(place, "state") };
  return { place, env, app: () => openRunLedger({ projectDir: shop.repo, env }) };
};

const BOUNDARIES = fileURLToPath(new URL("../helpers/boundaries.mjs", import.meta.url));

const prune = async ({ env }: Trial, boundaries: object): Promise<{ code: number | null; said: string }> => {
  const argv = ["--import", BOUNDARIES, built.bin, "prune", "--keep", "0"];
  const child = spawn(process.execPath, argv, {
    cwd: shop.repo,
    env: { ...env, TEST_BOUNDARIES: JSON.stringify(boundaries) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 90_000,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
    });
  const [code] = await once(child, "close");
  return { code, said };
};

const read = (archive: string) =>
  readBundle(createReadStream(archive).pipe(createGunzip()), {
    putBlob: async () => undefined,
    version: "",
    cipherFor: () => {
      throw new Error("no run is sealed here");
    },
  });

/** Each run is here whole, or archived whole; what bears an archive's name is one. */
const faultsOf = async (trial: Trial): Promise<string[]> => {
  const app = await trial.app();
  const faults: string[] = [];
  const blame = (runId: string) => (error: unknown) => void faults.push(`${runId}: ${String(error)}`);
  try {
    for (const runId of finished) {
      const row = await app.ledger.store.runRow(runId);
      const removal = await app.ledger.store.removalOf(runId);
      if ((row === undefined) === (removal === undefined)) faults.push(`${runId} is in neither or both`);
      if (row !== undefined) await app.patch(runId).catch(blame(runId));
      if (removal !== undefined)
        await read(removal.archive ?? "").then(({ header }) => {
          if (header.lastHash !== removal.lastHash || !header.commits)
            faults.push(`${runId} is not all there`);
        }, blame(runId));
    }
    const folder = join(trial.place, "data", "archive");
    for (const name of existsSync(folder) ? await readdir(folder) : [])
      if (name.endsWith(".gz")) await read(join(folder, name)).catch(blame(name));
  } finally {
    await app.close();
  }
  return faults;
};

/** Whoever prunes next finishes it, and each run comes back from its archive as it was. */
const faultsAfterwards = async (trial: Trial): Promise<string[]> => {
  const app = await trial.app();
  try {
    await app.prune({ keep: 0 });
    const [left, ...others] = await app.ledger.list({ limit: 10 });
    const faults = left?.status === "running" && others.length === 0 ? [] : ["not all went, or too many"];
    for (const runId of finished) {
      const removal = await app.ledger.store.removalOf(runId);
      const bytes = createReadStream(removal?.archive ?? "").pipe(createGunzip());
      const { arrived, commits } = await app.importRun(person(app), bytes);
      if (!arrived || commits !== "here") faults.push(`${runId} did not come back: ${commits}`);
      const { verdict } = await app.logs(runId, "sum");
      const log = verdict?.log && (await app.ledger.store.getBlob(verdict.log));
      if (!log || (await app.patch(runId)).length !== 1) faults.push(`${runId} came back without its work`);
    }
    return faults;
  } catch (error) {
    return [isLedgerError(error) ? `${error.code}: ${error.message}` : String(error)];
  } finally {
    await app.close();
  }
};

it(
  "Killed at any boundary, a prune loses nothing and leaves nothing half; whoever prunes next finishes it",
  async () => {
    expect(acts).toBeGreaterThan(40);
    const every = Array.from({ length: acts }, (_, at) => at + 1);
    const struck = new Set<string>();
    let kills = 0;
    const faults: string[] = [];
    for (const at of sliceOf(every, sweepSize(acts, 9))) {
      const trial = await openTrial();
      const mark = join(trial.place, "mark");
      await prune(trial, { at, how: at % 2 === 0 ? "before" : "within", mark });
      // The order of acts of several streams may differ by one or two at the end.
      if (!existsSync(mark)) continue;
      const { act } = JSON.parse(readFileSync(mark, "utf8")) as { act: string };
      struck.add(act);
      kills += 1;
      for (const fault of [...(await faultsOf(trial)), ...(await faultsAfterwards(trial))])
        faults.push(`seed ${sweepSeed}, act ${at} (${act}): ${fault}`);
      await rm(trial.place, { recursive: true, force: true });
    }
    figure("prunes", kills, faults.length);
    expect(faults).toEqual([]);
    expect(struck.size).toBeGreaterThan(5);
  },
  SWEEP_MS,
);
