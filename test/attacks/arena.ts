import { randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { AgentFunction, Run, RunLedger } from "../../src/index.js";
import { giveGoSeed } from "../helpers/go-seed.js";
import { makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";
import type { Level, Scene } from "./attack.js";
import { settingsOf } from "./levels.js";
import { type Neighbour, openNeighbour } from "./neighbour.js";
import { projects } from "./projects.js";
import { sceneIn } from "./scene.js";

/** The agent of an attack that is a program: its goal is what it does. */
export const OUTLAW = "outlaw";
const CODER = "coder";
/** A secret that agents and judges are given; another one they are not. */
export const SECRET = "SHOP_TOKEN";
/** One that nothing but its shape tells. */
export const SHAPED = "MASCOT";

/** A user's machine in small: home, temporary folder, project, ledger, a neighbour, somebody else's work. */
export interface Arena extends Sample {
  readonly app: RunLedger;
  readonly level: Level;
  readonly neighbour: Neighbour;
  readonly secrets: readonly string[];
  /** Where somebody else's work lies. */
  readonly otherWorkspace: string;
  /** One run of one step by this agent, to its end. */
  run(
    work: AgentFunction,
    step: Readonly<Record<string, unknown>>,
    plan?: Readonly<Record<string, unknown>>,
  ): Promise<Run>;
  /** Does something on the user's machine. */
  inside<T>(work: () => Promise<T>): Promise<T>;
  scene(workspace: string, token: string, stepId?: string): Scene;
  close(): Promise<void>;
}

export type ArenaOptions = {
  readonly project: string;
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  readonly level: Level;
};

export const openArena = async ({ project, settings = {}, level }: ArenaOptions): Promise<Arena> => {
  const secrets = makeSecrets();
  const files = { ...projects[project]?.files, "runledger.yaml": stringify(allSettings(settings, level)) };
  const sample = await makeSample(files, (place) => ({
    ...secrets,
    ...toolHomes(),
    ...homeIn(place),
    ...carelessness(place),
  }));
  const { place, repo } = sample;
  await sample.write(projects[project]?.local ?? {});
  for (const folder of ["home", "tmp", "lair"]) await mkdir(join(place, folder), { mode: 0o700 });
  await writeFile(join(place, "home", "diary.txt"), "Dear diary\n");
  await writeFile(join(place, "tmp", "draft.txt"), "A draft\n");
  const { MOTTO: _, ...known } = secrets;
  const neighbour = await openNeighbour(place, known);
  let current: AgentFunction = () => "";
  const app = await sample.open({ [CODER]: (...given) => current(...given) });
  await giveGoSeed(app, files);
  const inside: Arena["inside"] = (doing) => at(homeIn(place), doing);
  const run: Arena["run"] = (work, step, plan = {}) =>
    inside(async () => {
      current = work;
      const { runId } = await app.createRun(person(app), {
        plan: onePlan({ max_retries: 0, ...step }, plan),
        sessionKey: SESSION,
        originalRequest: "fix it",
      });
      return (await app.drive(runId)).run;
    });
  const otherWorkspace = await leaveWork(run);
  return {
    ...sample,
    app,
    level,
    neighbour,
    secrets: Object.values(secrets),
    otherWorkspace,
    run,
    inside,
    scene: (workspace, token, stepId = "") => ({
      ...sceneIn({ place, repo, dataDir: app.dataDir, otherWorkspace, neighbour }, workspace, token),
      stepId,
    }),
    close: async () => {
      await neighbour.leave();
      await sample.dispose();
    },
  };
};

/** Two that judges and agents are given; one that they are not; and what is no secret, but nobody else's business. */
const makeSecrets = (): Record<string, string> => ({
  [SECRET]: `swordfish-${randomUUID()}`,
  [SHAPED]: `ghp_${randomBytes(27).toString("base64").replace(/[+/]/g, "x")}`,
  DEPLOY_KEY: `sesame-${randomUUID()}`,
  MOTTO: `festina-${randomUUID()}`,
});

const allSettings = (settings: Readonly<Record<string, unknown>>, level: Level) => ({
  agents: {
    [OUTLAW]: {
      kind: "command",
      run: ["sh", "-c", 'eval "$RUNLEDGER_GOAL"'],
      env: [SECRET, SHAPED],
      timeout: "20s",
      sandbox: level === 3,
    },
  },
  workspace: { passEnv: [SECRET, SHAPED, "NODE_OPTIONS", "BASH_ENV", "ENV", "LD_PRELOAD", "GIT_DIR"] },
  ...settingsOf(level),
  ...settings,
});

const homeIn = (place: string) => ({ HOME: join(place, "home"), TMPDIR: join(place, "tmp") });

/** The user's own environment: a PATH that looks around, and what others have had it name. */
const carelessness = (place: string) => ({
  PATH: `.:./bin:${process.env.PATH}`,
  NODE_OPTIONS: `--import=${join(place, "lair", "preload.mjs")}`,
  BASH_ENV: join(place, "lair", "profile.sh"),
  ENV: join(place, "lair", "profile.sh"),
  LD_PRELOAD: join(place, "lair", "evil.so"),
  GIT_DIR: join(place, "lair", "evil.git"),
  npm_config_script_shell: join(place, "lair", "profile.sh"),
});

/** Where this machine keeps toolchains; the arena's home has none. */
const toolHomes = (): Record<string, string> => {
  const homes = {
    CARGO_HOME: ".cargo",
    RUSTUP_HOME: ".rustup",
    PYENV_ROOT: ".pyenv",
    PYTHONUSERBASE: ".local",
  };
  const found = Object.entries(homes).map(([name, folder]) => [
    name,
    process.env[name] ?? join(homedir(), folder),
  ]);
  return Object.fromEntries(found.filter(([, folder]) => existsSync(folder ?? "")));
};

/** Our own process lives in the arena while something is done there. */
const at = async <T>(homes: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> => {
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  Object.assign(process.env, homes);
  try {
    return await work();
  } finally {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
};

/** An honest try that was refused: its workspace stays, and the rooms' own folders are there from now on. */
const leaveWork = async (run: Arena["run"]): Promise<string> => {
  let workspace = "";
  const refused = await run(
    async (task) => {
      workspace = task.workspace;
      await writeFile(join(workspace, "thoughts.txt"), "It may be the sum.\n");
      return "done";
    },
    { validator: { type: "command_pass", target: "false" } },
  );
  if (refused.state.status !== "paused")
    throw new Error(`An arena could not be made: ${refused.state.status}`);
  return workspace;
};
