import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, utimesSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { fold } from "../../src/core/evolve.js";
import { openRunLedger, type StoredEvent } from "../../src/index.js";
import { ownerIsDead } from "../../src/ledger/owner.js";
import { git } from "./repositories.js";

/** One act of an orchestrator on the outside world, and the phase of the run it belongs to. */
export type Boundary = { readonly number: number; readonly act: string; readonly phase: string };

/** What ends at which boundary, and how; see boundaries.mjs. */
export type Blow = {
  readonly at: number;
  /** Counts only those of this phase, or acts that begin so. */
  readonly phase?: string;
  readonly act?: string;
  readonly how: "before" | "within" | "together" | "child" | "signal";
  readonly delayMs?: number;
  readonly signal?: NodeJS.Signals;
};

/** Who has lost its parent meanwhile stays, and so does a daemon of its own. */
const LINGER = `sleep 0.03
kill -0 $PPID 2>/dev/null || { echo "$1" >> "$TRIAL/orphans"; setsid sleep 300 & sleep 300; }
`;
/** "late" needs the work of "a" and "b", and forgets its own the first time. */
const AGENT = `#!/bin/sh
echo "$RUNLEDGER_STEP_ID $WORKER" >> "$TRIAL/agents"
set -- agent
${LINGER}
case "$RUNLEDGER_STEP_ID $RUNLEDGER_ATTEMPT" in
  "late 1") ;;
  late*) cat a.txt b.txt > late.txt ;;
  *) echo done > "$RUNLEDGER_STEP_ID.txt" ;;
esac
`;
const JUDGE = `echo "$step $WORKER" >> "$TRIAL/judges"
set -- judge
${LINGER}
test -f "$step.txt"
`;
export const judgeOf = (step: string): string => `step=${step}; . ./judge.sh`;

/** A project whose agent and judge tell of themselves in the trial's folder, which walls would not let them. */
export const trialFiles = (plan: unknown): Readonly<Record<string, string>> => ({
  "agent.sh": AGENT,
  "judge.sh": JUDGE,
  "whole.txt": "whole\n",
  "plan.json": JSON.stringify(plan),
  "runledger.yaml":
    "agents:\n  coder: { kind: command, run: [./agent.sh], env: [TRIAL, WORKER] }\nworkspace: { passEnv: [TRIAL, WORKER] }\nisolation: { maximum: 1 }\n",
});

/** Driving that one run, looking for runs as a worker does, or calling tools for it. */
export type Way = "resume" | "worker" | "tools";

export type Trial = Awaited<ReturnType<typeof openTrial>>;

/** A copy of a project with a data folder of its own, and its workers as processes of their own. */
export const openTrial = async (library: string, template: string) => {
  const place = await mkdtemp(join(tmpdir(), "runledger-trial-"));
  const repo = join(place, "repo");
  await cp(template, repo, { recursive: true });
  await mkdir(join(place, "tmp"));
  const env = {
    ...process.env,
    RUNLEDGER_HOME: join(place, "data"),
    XDG_STATE_HOME: join(place, "state"),
    XDG_CONFIG_HOME: join(place, "config"),
    TMPDIR: join(place, "tmp"),
    TRIAL: place,
  };
  let workers = 0;
  return {
    place,
    repo,
    env,
    /** Of the latest one, as agents and judges of its tell it. */
    worker: () => String(workers),
    work: (as: Way, boundaries?: object) => {
      workers += 1;
      return worker(
        as === "tools" ? "tool-host.mjs" : "orchestrator.mjs",
        [library, repo, join(repo, "plan.json"), as],
        { ...env, WORKER: String(workers) },
        boundaries,
      );
    },
    close: () => rm(place, { recursive: true, force: true }),
  };
};

export type Ended = { readonly code: number | null; readonly signal: string | null; readonly said: string };

/** One that has not ended by then never will. */
const WORKER_MS = 90_000;

const helper = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const worker = async (
  program: string,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  boundaries: object | undefined,
): Promise<Ended> => {
  const watched = boundaries === undefined ? [] : ["--import", helper("boundaries.mjs")];
  const child = spawn(process.execPath, [...watched, helper(program), ...argv], {
    env: { ...env, ...(boundaries === undefined ? {} : { TEST_BOUNDARIES: JSON.stringify(boundaries) }) },
    // A group of its own, to be killed together with its git processes.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: WORKER_MS,
    killSignal: "SIGKILL",
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
    });
  const [code, signal] = await once(child, "close");
  return { code, signal, said };
};

/** Lets one work until it is struck; `where` is undefined when it ended before that. */
export const strike = async (
  trial: Trial,
  as: Way,
  blow: Blow,
): Promise<{ readonly ended: Ended; readonly where: Boundary | undefined }> => {
  const mark = join(trial.place, "mark");
  await rm(mark, { force: true });
  const ended = await trial.work(as, { ...blow, mark });
  const where = existsSync(mark) ? (JSON.parse(readFileSync(mark, "utf8")) as Boundary) : undefined;
  return { ended, where };
};

export const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];

/** What has happened so far: what the journal says, and who holds a lease. */
export type Tally = {
  /** Steps that the latest worker had worked on and judged. An agent whose worker is dead may begin only now. */
  readonly agents: readonly string[];
  readonly judges: readonly string[];
  readonly events: readonly { readonly type: string; readonly stepId: string | null }[];
  readonly holders: readonly string[];
};

export const tallyOf = ({ place, worker }: Trial): Tally => {
  const ofWorker = (file: string): string[] =>
    linesOf(join(place, file)).flatMap((line) => {
      const [step = "", by] = line.split(" ");
      return by === worker() ? [step] : [];
    });
  const ask = asking(join(place, "data", "ledger.db"));
  return {
    agents: ofWorker("agents"),
    judges: ofWorker("judges"),
    events: ask("SELECT type, json_extract(payload, '$.stepId') AS stepId FROM events ORDER BY position"),
    holders: ask<{ owner: string }>("SELECT owner FROM leases WHERE owner IS NOT NULL").map(
      ({ owner }) => owner,
    ),
  };
};

/** Without writing: another kind of connection would tidy up what the dead one left. */
const asking =
  (file: string) =>
  <Row>(sql: string): readonly Row[] => {
    if (!existsSync(file)) return [];
    const db = new Database(file, { readonly: true });
    try {
      const made = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events'").get();
      return made === undefined ? [] : (db.prepare(sql).all() as Row[]);
    } finally {
      db.close();
    }
  };

/** Processes that were started for this trial and still live. */
export const processesOf = ({ place }: Trial): string[] =>
  readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const text = (name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1");
      if (/^State:\s+[ZX]/m.test(text("status"))) return [];
      const known = [text("environ"), text("cmdline"), readlinkSync(`/proc/${pid}/cwd`)];
      return known.some((fact) => fact.includes(place)) ? [text("cmdline").replaceAll("\0", " ")] : [];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });

/** Files and folders that are there for a while only. */
const PASSING = /\/(scratch-|store-)[^/]*$|\.(lock|new)$|\/places\/.+$/;

/** Of a run whose making was broken off; it is forgotten with its refs, after an hour. */
const OF_NO_RUN = /\/refs\/runledger\/[^/]+\/(base|origin)\.lock$/;

/** What only passes by and is there all the same, seen from the trial's folder. */
export const leftoversOf = ({ place }: Trial): string[] => {
  const below = (folder: string, recursive: boolean): string[] =>
    existsSync(join(place, folder))
      ? readdirSync(join(place, folder), { recursive }).map((name) => join(folder, String(name)))
      : [];
  const rooms = below("tmp", false).flatMap((root) =>
    /runledger-\d+$/.test(root) ? below(root, false) : [root],
  );
  const data = below("data", true).filter((path) => PASSING.test(path) && !OF_NO_RUN.test(path));
  return [...rooms, ...below("state/runledger/workspaces", false), ...data];
};

/** What came of a run: the same, whatever happened on the way. */
export type Outcome = {
  readonly status: string;
  /** Types of its events by step, each in its order; "" are those of the run. Losing a worker is no part of it. */
  readonly types: Readonly<Record<string, readonly string[]>>;
  /** How often a head was moved. */
  readonly moves: number;
  /** Of the checkout after applying: what its commits say, and what they come to. */
  readonly subjects: readonly string[];
  readonly tree: string;
};

/** Blobs that a dead writer never finished; only after an hour is it certain that it is dead. */
const anHourLater = ({ place }: Trial): (() => string[]) => {
  const folder = join(place, "data", "blobs", "unfinished");
  const names = () => (existsSync(folder) ? readdirSync(folder) : []);
  const then = Date.now() / 1_000 - 3_700;
  for (const name of names()) utimesSync(join(folder, name), then, then);
  return names;
};

/** Opened as the next start would, so what it refuses (a broken chain) is thrown here. */
export const outcomeOf = async (trial: Trial): Promise<Outcome & { readonly faults: readonly string[] }> => {
  const unfinished = anHourLater(trial);
  const app = await openRunLedger({ projectDir: trial.repo, env: trial.env });
  try {
    const rows = await app.ledger.list({ limit: 10 });
    const runId = rows[0]?.runId ?? "";
    const events = await app.ledger.events(runId, 0, 1_000);
    const run = await app.ledger.load(runId);
    const owner = (await app.ledger.store.leaseOf(runId))?.owner;
    // That of a dead owner is nobody's: it hinders no one, and ends by itself.
    const living = owner === undefined || ownerIsDead(owner) ? undefined : owner;
    const faults = [
      ...unfinished().map((name) => `never finished and still there: ${name}`),
      ...(rows.length === 1 ? [] : [`there are ${rows.length} runs`]),
      ...(JSON.stringify(fold(events)) === JSON.stringify(run) ? [] : ["the fold differs from the snapshot"]),
      ...(living === undefined ? [] : [`${living} still holds its lease`]),
    ];
    await app.apply(runId);
    const subjects = git(trial.repo, "log", "--format=%s").split("\n").sort();
    const tree = git(trial.repo, "rev-parse", "HEAD^{tree}");
    return {
      status: run.state.status,
      types: typesByStep(events),
      moves: movesOf(events),
      subjects,
      tree,
      faults,
    };
  } finally {
    await app.close();
  }
};

const typesByStep = (events: readonly StoredEvent[]): Record<string, string[]> => {
  const types: Record<string, string[]> = {};
  for (const { type, payload } of events) {
    if (type === "worker_lost") continue;
    const step = "stepId" in payload ? (payload.stepId ?? "") : "";
    types[step] = [...(types[step] ?? []), type];
  }
  return Object.fromEntries(Object.entries(types).sort());
};

const movesOf = (events: readonly StoredEvent[]): number =>
  new Set(
    events.flatMap((event) =>
      event.type === "step_validation_passed" ? [event.payload.verdict.commit] : [],
    ),
  ).size;
