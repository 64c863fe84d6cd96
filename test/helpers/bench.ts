import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import type { Rules } from "../../src/core/decide/guards.js";
import { type ErrorCode, isLedgerError, type LedgerError } from "../../src/core/errors.js";
import type { EventType } from "../../src/core/events.js";
import type { Run } from "../../src/core/run.js";
import { stopsAtBudget } from "../../src/ledger/budget-stop.js";
import { createCredentials } from "../../src/ledger/credentials.js";
import { type Ledger, openLedger } from "../../src/ledger/ledger.js";
import { gateDuties } from "../../src/ledger/proposing.js";
import { noteRefusals } from "../../src/ledger/refusals.js";
import { memoryBaseCache } from "../../src/pev/base-cache.js";
import { coneOf } from "../../src/pev/cone.js";
import { createDisposal } from "../../src/pev/disposal.js";
import { createPev, type Pev } from "../../src/pev/engine.js";
import { openPrivateStore } from "../../src/pev/git.js";
import { openPlaces } from "../../src/pev/places.js";
import type { Project } from "../../src/pev/project.js";
import { createRoomsAhead } from "../../src/pev/rooms-ahead.js";
import { openStore } from "../../src/stores/open.js";
import { createRun } from "../../tools/create-run.js";
import { allTools } from "../../tools/index.js";
import { bindTool, type ToolHost } from "../../tools/tool.js";
import { heldBy } from "./bad-input.js";
import { isolationOf } from "./isolation.js";
import { NO_SECRETS } from "./no-secrets.js";
import { buggySum, makeSample, type Sample, SESSION } from "./project.js";
import { wideWalls } from "./walls.js";

/** A real ledger and a real PEV engine on a sample repository, with nobody who drives: only tools move a run here. */
export type Bench = {
  readonly shop: Sample;
  readonly ledger: Ledger;
  readonly pev: Pev;
  readonly engine: Caller;
  readonly host: ToolHost;
  /** How far the ledger's clock is ahead of the real one. */
  readonly clock: { aheadMs: number };
  issue(name: string, over?: Partial<Caller>): Caller;
  /** Calls a tool for whoever that is, whether or not the tool is shown to them. */
  call(caller: Caller, name: string, input: unknown): Promise<Answer>;
  create(plan: unknown): Promise<Run>;
  types(runId: string): Promise<EventType[]>;
};

export type BenchOptions = {
  readonly files?: Readonly<Record<string, string>>;
  readonly isolated?: boolean;
  readonly settleMs?: number;
  readonly rules?: Partial<Rules>;
  readonly project?: Partial<Project>;
  readonly interrupted?: AbortSignal;
};

export type Answer = Readonly<Record<string, unknown>>;

const SETTLE_MS = 60_000;
const HOUR_MS = 3_600_000;
const made: { dispose(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of made.splice(0).reverse()) await one.dispose();
});

/** A sample that is gone after the test. */
export const sample = async (files: Readonly<Record<string, string>> = buggySum): Promise<Sample> => {
  const shop = await makeSample(files);
  made.push(shop);
  return shop;
};

export const openBench = async (options: BenchOptions = {}): Promise<Bench> => {
  const shop = await sample(options.files);
  const store = await openStore(join(shop.place, "data"));
  made.push({ dispose: () => store.close() });
  const { credentials, engine } = createCredentials();
  const clock = { aheadMs: 0 };
  const ledger = openLedger({
    store,
    credentials,
    redactor: options.project?.redactor ?? NO_SECRETS,
    now: () => new Date(Date.now() + clock.aheadMs).toISOString(),
    rules: { ...RULES, ...options.rules },
  });
  const { interrupted = new AbortController().signal } = options;
  const project = await projectOf(shop, store.putBlob, options);
  const pev = createPev({ ledger, engine, project, interrupted });
  made.push({ dispose: () => pev.close() });
  const noteRefusal = noteRefusals(ledger, engine);
  const stopAtBudget = stopsAtBudget(ledger, engine);
  const settleMs = options.settleMs ?? SETTLE_MS;
  const duties = gateDuties(ledger, engine);
  const host: ToolHost = { ledger, pev, settleMs, noteRefusal, stopAtBudget, duties };
  const issue: Bench["issue"] = (name, over = {}) =>
    ledger.issue({ name, role: "executor", sessionKey: SESSION, ...over });
  return {
    shop,
    ledger,
    pev,
    engine,
    host,
    clock,
    issue,
    call: (caller, name, input) => {
      const tool = allTools.find((one) => one.name === name);
      if (tool === undefined) throw new Error(`there is no tool ${name}`);
      return bindTool(tool, caller, host).call(input);
    },
    create: (plan) =>
      createRun(host, issue("orchestrator", { role: "orchestrator" }), {
        plan,
        sessionKey: SESSION,
        originalRequest: "please",
      }),
    types: async (runId) => (await ledger.events(runId, 0, 1_000)).map(({ type }) => type),
  };
};

const RULES: Rules = {
  staleTtlMs: HOUR_MS,
  onUnmetCriteria: "fail",
  changeValidator: "orchestrator",
  agents: ["coder", "reviewer"],
};

const projectOf = async (
  { place, repo, env }: Sample,
  putBlob: Project["putBlob"],
  { isolated = true, project = {} }: BenchOptions,
): Promise<Project> => {
  const store = isolated ? await openPrivateStore(join(place, "data", "store.git")) : null;
  const places = await openPlaces(join(place, "data", "places"));
  const disposal = createDisposal(places);
  const cone = coneOf([]);
  return {
    folder: repo,
    ownFiles: [],
    store,
    places,
    walls: wideWalls,
    disposal,
    roomsAhead: store === null ? null : createRoomsAhead(store, { places, disposal, cone }),
    isolation: isolationOf(place),
    workspaceRoot: join(place, "workspaces"),
    cacheFolder: join(place, "cache"),
    setup: [],
    share: [],
    cache: [],
    cone,
    passEnv: [],
    protect: [],
    baseCache: memoryBaseCache(),
    validatorTimeoutMs: 60_000,
    environment: env,
    redactor: NO_SECRETS,
    putBlob,
    ...project,
  };
};

/** Why something was refused. */
export const refusalOf = async (asked: Promise<unknown>): Promise<LedgerError> => {
  try {
    await asked;
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
  return expect.unreachable("it was not refused");
};

/** Refused with this code, and no run, key, workspace or event came of it. */
export const expectRefusal = async (
  { ledger, shop }: Bench,
  asked: () => Promise<unknown>,
  code: ErrorCode,
): Promise<LedgerError> => {
  // That it was refused is recorded, and nothing else.
  const countEvents = async () =>
    (await ledger.feed(0, 10_000)).filter(({ type }) => type !== "access_refused").length;
  const placesThere = () => readdir(join(shop.place, "data", "places"));
  const [events, places] = [await countEvents(), await placesThere()];
  const refusal = await refusalOf(asked());
  expect(`${refusal.code}: ${refusal.message}`).toMatch(new RegExp(`^${code}: `));
  expect(await countEvents()).toBe(events);
  // What an earlier call is done with may go in the meantime.
  expect(places).toEqual(expect.arrayContaining(await placesThere()));
  return refusal;
};

/** Everything that a run would leave behind: rows, refs, registered places. Rooms of earlier verdicts go meanwhile. */
export const keptBy = async ({ shop, ledger, pev }: Bench): Promise<unknown> => {
  const data = join(shop.place, "data");
  const refs = await readdir(join(data, "store.git", "refs"), { recursive: true });
  const packed = await readFile(join(data, "store.git", "packed-refs"), "utf8").catch(() => "");
  const places = (await pev.project.places.list()).filter(
    ({ kind }) => kind === "workspace" || kind === "process",
  );
  return { held: await heldBy(ledger.store), refs, packed, places };
};

/** A step that is judged by a shell command. */
export const stepBy = (id: string, command: string, over: Readonly<Record<string, unknown>> = {}) => ({
  id,
  goal: `Do ${id}`,
  owner_agent: "coder",
  validator: { type: "command_pass", target: command },
  ...over,
});

export const planOfSteps = (...steps: readonly unknown[]) => ({ goal: "Ship it", steps });
