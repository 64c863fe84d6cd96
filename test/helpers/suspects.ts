import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { AgentFunction, Run, RunLedger } from "../../src/index.js";
import { giveGoSeed } from "./go-seed.js";
import { fingerprint, makeSample, onePlan, person, type Sample, SESSION } from "./project.js";

/** What an agent under suspicion can lay its hands on. */
export type Scene = {
  readonly workspace: string;
  /** A file outside of every workspace; whoever makes it has had code run where it may not. */
  readonly tripwire: string;
  /** A shell command that makes it. */
  readonly fire: string;
  /** A folder beside the user's repository, where an agent may prepare what it likes. */
  readonly lair: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  read(path: string): Promise<string>;
  remove(path: string): Promise<void>;
  /** The agent's own git, in its workspace. */
  git(...args: string[]): string;
};

export type Trial = {
  readonly run: Run;
  /** The verdict's reason, or `interrupted` with what was said. */
  readonly reason: string;
  readonly message: string;
};

export interface Suspects extends Sample {
  readonly app: RunLedger;
  /** One run of one step by an agent that does this; the user's checkout, .git and the tripwire are looked at after it. */
  try(
    work: (scene: Scene) => unknown,
    step?: Readonly<Record<string, unknown>>,
    plan?: Readonly<Record<string, unknown>>,
  ): Promise<Trial>;
  /** That the user's checkout and .git are byte for byte what they were, and nothing ran where it may not. */
  expectUntouched(): Promise<void>;
}

// A repository and one agent after the other that would like to be believed.
export const openSuspects = async (files: Readonly<Record<string, string>>): Promise<Suspects> => {
  const sample = await makeSample(files);
  let current: AgentFunction = () => "";
  const app = await sample.open({ coder: (...given) => current(...given) });
  await giveGoSeed(app, files);
  const before = await fingerprint(sample.repo);
  const lair = join(sample.place, "lair");
  await mkdir(lair);
  const tripwires: string[] = [];
  const expectUntouched = async (): Promise<void> => {
    const fired = tripwires.filter((tripwire) => existsSync(tripwire));
    // Taken away, so that each trial is blamed for its own alone.
    for (const tripwire of fired) await rm(tripwire);
    expect(fired).toEqual([]);
    expect(await fingerprint(sample.repo)).toEqual(before);
  };
  return {
    ...sample,
    app,
    expectUntouched,
    try: async (work, step = {}, plan = {}) => {
      const tripwire = join(sample.place, `tripwire-${tripwires.length}`);
      tripwires.push(tripwire);
      current = async ({ workspace }) => {
        await work(sceneOf(workspace, tripwire, lair));
        return "All done, tests pass!";
      };
      const run = await app.createRun(person(app), {
        plan: onePlan({ max_retries: 0, ...step }, plan),
        sessionKey: SESSION,
        originalRequest: "fix it",
      });
      const driven = await app.drive(run.runId);
      await expectUntouched();
      return { run: driven.run, ...(await lastWord(app, run.runId)) };
    },
  };
};

/** An agent that was judged and not believed: nothing of its work is in the run. */
export const expectRefused = ({ run, reason, message }: Trial, expected: string): void => {
  expect(`${reason}: ${message}`).toMatch(new RegExp(`^${expected}: `));
  expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
  expect(run.head).toBe(run.base);
};

export const expectVerified = ({ run, message }: Trial): void => {
  expect(`${run.state.status}: ${message}`).toMatch(/^completed/);
  expect(run.steps[0]?.state).toMatchObject({ how: "verified" });
  expect(run.waivers).toEqual([]);
};

/** What was said of a run last, and at which level it was judged; by an agent that died at none. */
export const lastWord = async (
  { ledger }: RunLedger,
  runId: string,
): Promise<{ reason: string; message: string; level: number | null }> => {
  const events = await ledger.events(runId, 0, 200);
  for (const { type, payload } of events.toReversed()) {
    if (type === "step_interrupted") return { reason: "interrupted", message: payload.reason, level: null };
    if ("verdict" in payload) return { ...payload.verdict, level: payload.verdict.isolationLevel };
  }
  return { reason: "none", message: "nobody judged it", level: null };
};

const sceneOf = (workspace: string, tripwire: string, lair: string): Scene => ({
  workspace,
  tripwire,
  fire: `touch '${tripwire}'`,
  lair,
  ...handsIn(workspace),
});

/** What an agent does in its workspace. */
export const handsIn = (workspace: string): Pick<Scene, "write" | "read" | "remove" | "git"> => ({
  write: async (files) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(workspace, path)), { recursive: true });
      await writeFile(join(workspace, path), text, text.startsWith("#!") ? { mode: 0o755 } : {});
    }
  },
  read: (path) => readFile(join(workspace, path), "utf8"),
  remove: (path) => rm(join(workspace, path), { recursive: true }),
  git: (...args) => execFileSync("git", args, { cwd: workspace, encoding: "utf8", stdio: "pipe" }).trim(),
});
