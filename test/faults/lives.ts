import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { buildPackage } from "../helpers/built.js";
import type { Boundary } from "../helpers/kills.js";
import { makeSample, type Sample } from "../helpers/project.js";

/** A worker as a process of its own, on a project and a ledger of its own. */
export type Life = {
  /** A file of test/helpers; its arguments are the built library, the project's folder, and these. */
  readonly worker: string;
  readonly argv: readonly string[];
  /** Where it is killed, or the file in which it says where it could be: see test/helpers/boundaries.mjs. */
  readonly boundaries?: object | undefined;
  readonly begun?: (pid: number) => void;
};

const helper = (name: string): string => fileURLToPath(new URL(`../helpers/${name}`, import.meta.url));
const LIFE_MS = 90_000;
/** Bundling takes a minute where every processor is at work. */
const BUILD_MS = 180_000;

/** For a file of tests: the package built, and a project to copy. */
export const openLives = () => {
  let built: ReturnType<typeof buildPackage>;
  let shop: Sample;
  beforeAll(async () => {
    built = buildPackage();
    shop = await makeSample({ "runledger.yaml": "runLedger: { workspaceIsolation: false }\n" });
  }, BUILD_MS);
  afterAll(async () => {
    await shop.dispose();
    built.remove();
  });

  const lived = async ({ worker, argv, begun }: Life, place: string, boundaries?: object) => {
    const watched = boundaries === undefined ? [] : ["--import", helper("boundaries.mjs")];
    const words = [...watched, helper(worker), built.library, join(place, "repo"), ...argv];
    const child = spawn(process.execPath, words, {
      env: {
        ...shop.env,
        ...{ RUNLEDGER_HOME: join(place, "data"), XDG_STATE_HOME: join(place, "state") },
        ...(boundaries === undefined ? {} : { TEST_BOUNDARIES: JSON.stringify(boundaries) }),
      },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIFE_MS,
      killSignal: "SIGTERM",
    });
    begun?.(child.pid ?? 0);
    let said = "";
    let wrong = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (wrong += chunk));
    const [code, signal] = await once(child, "close");
    return { code, signal, said, wrong };
  };

  /** One worker is killed, the next one goes on to the end; `ended` reads what it said, while its ledger is still there. */
  const endure = async <T>(
    life: Life,
    ended: (said: string) => Promise<T> | T,
  ): Promise<{ readonly ended: T; readonly wasKilled: boolean }> => {
    const place = await mkdtemp(join(tmpdir(), "runledger-life-"));
    try {
      await cp(shop.repo, join(place, "repo"), { recursive: true });
      const first = await lived(
        life,
        place,
        life.boundaries && { mark: join(place, "mark"), ...life.boundaries },
      );
      const wasKilled = first.signal === "SIGKILL";
      const last = wasKilled ? await lived(life, place) : first;
      if (last.code !== 0) throw new Error(`who went on ended by ${last.code ?? last.signal}: ${last.wrong}`);
      return { ended: await ended(last.said), wasKilled };
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  };

  /** Where a whole life could be killed. */
  const boundariesOf = async (life: Life): Promise<readonly Boundary[]> => {
    const folder = await mkdtemp(join(tmpdir(), "runledger-trace-"));
    try {
      const trace = join(folder, "trace");
      await endure({ ...life, boundaries: { trace } }, () => undefined);
      const lines = (await readFile(trace, "utf8")).split("\n").filter(Boolean);
      return lines.map((line) => JSON.parse(line) as Boundary);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  return { endure, boundariesOf };
};

/** So many at a time: a worker waits for disks as often as it computes. */
const LANES = 3;

export const inLanes = async <T>(cases: readonly T[], each: (one: T) => Promise<void>): Promise<void> => {
  const waiting = [...cases];
  const lane = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await each(one);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
};
