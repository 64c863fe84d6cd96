import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { RunLedger, Verdict } from "../../src/index.js";
import { buildPackage } from "../helpers/built.js";
import { began, eventsOf, stateOf } from "../helpers/driving.js";
import { fingerprint, makeSample, type Sample } from "../helpers/project.js";
import {
  developerEnvironment,
  type Edit,
  type RealProject,
  realProjects,
  typed,
} from "../helpers/real-projects.js";
import { wholeSweeps } from "../helpers/sweep.js";
import { has } from "../helpers/toolchain-samples.js";

const AGENT = fileURLToPath(new URL("../helpers/real-agent.mjs", import.meta.url));
const WHOLE_MS = 900_000;

/** Someone who wants a plan carried out: at the terminal, with the program as it is installed, or in a host of their own. */
type Face = {
  readonly run: (sample: Sample, plan: unknown) => Promise<void>;
  readonly apply: (sample: Sample) => Promise<void>;
};

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const terminal: Face = {
  run: async (sample, plan) => {
    const file = join(sample.place, "plan.json");
    writeFileSync(file, JSON.stringify(plan));
    expect(await type(sample, "run", file)).toContain("completed");
  },
  apply: async (sample) => {
    await type(sample, "apply", "last");
  },
};

const type = ({ repo, env }: Sample, ...words: readonly string[]): Promise<string> =>
  typed([process.execPath, built.bin, ...words], repo, env as Record<string, string>, WHOLE_MS);

const host: Face = {
  run: async (sample, plan) => {
    const app = await sample.open();
    await app.drive(await began(app, plan));
  },
  apply: async (sample) => {
    const app = await sample.open();
    await app.apply(await app.findRun("last"));
  },
};

const swapped = ({ file, from, to }: Edit): Edit => ({ file, from: to, to: from });

const editOnce = (repo: string, { file, from, to }: Edit): void => {
  const parts = readFileSync(join(repo, file), "utf8").split(from);
  expect(parts.length, `${file} has it once: ${from}`).toBe(2);
  writeFileSync(join(repo, file), parts.join(to));
};

type Developer = ReturnType<typeof developerEnvironment>;

/** As its developers have it, with a commit that broke it. */
const brokenProject = async (project: RealProject): Promise<{ sample: Sample; env: Developer }> => {
  const { bug, cheat, extension, workspace, files } = project;
  const folder = await mkdtemp(join(tmpdir(), `runledger-${project.name}-`));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const caches = project.caches(join(folder, "caches"));
  const story = join(folder, "story.json");
  writeFileSync(story, JSON.stringify({ repair: swapped(bug), cheat, extension }));
  const agents = { coder: { kind: "command", run: ["node", AGENT, story] } };
  const settings = { "runledger.yaml": JSON.stringify({ agents, workspace }) };
  const sample = await makeSample({ ...files, ...settings }, caches);
  onTestFinished(() => sample.dispose());
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  const env = developerEnvironment(caches);
  await project.fetch({ repo: sample.repo, scratch, env });
  sample.commit(`${project.name} ${project.version} as published`);
  editOnce(sample.repo, bug);
  sample.commit("A change that broke it");
  return { sample, env };
};

const planFor = ({ bug, target, testsMin, criterion }: RealProject) => {
  const validator = { type: "test_pass", target, params: { min_tests: testsMin } };
  const shared = { owner_agent: "coder", validator, max_retries: 2, timeout: "8m" };
  return {
    goal: "Make it right and build on it",
    steps: [
      { id: "fix", goal: `Repair ${bug.file}`, ...shared },
      { id: "extend", goal: "Build on the repair", depends_on: ["fix"], ...shared },
    ],
    acceptance_criteria: criterion === undefined ? [] : [criterion],
  };
};

const verdictsOf = async (app: RunLedger, runId: string, stepId: string): Promise<readonly Verdict[]> =>
  (await eventsOf(app, runId)).flatMap(({ payload }) =>
    "verdict" in payload && "stepId" in payload && payload.stepId === stepId ? [payload.verdict] : [],
  );

/** That each attempt got what it deserved, by the run's own journal. */
const expectJudged = async (app: RunLedger, project: RealProject): Promise<void> => {
  const runId = await app.findRun("last");
  const { run } = await app.view(runId);
  const [lie, cheat, repair] = await verdictsOf(app, runId, "fix");
  const told = (await eventsOf(app, runId)).map(({ type, payload }) =>
    "reason" in payload ? `${type}: ${payload.reason}` : type,
  );
  expect(lie).toMatchObject({ outcome: "failed", reason: "check_failed" });
  expect(`${lie?.message}\n${lie?.tail}`).toContain(project.failing);
  expect(cheat).toMatchObject({
    outcome: "failed",
    reason: "protected",
    protectedPaths: [project.cheat.file],
  });
  expect(repair, `${repair?.message}\n${told.join("\n")}`).toMatchObject({
    outcome: "passed",
    counts: { failed: 0 },
  });
  const [extension] = await verdictsOf(app, runId, "extend");
  expect(extension, extension?.message).toMatchObject({ outcome: "passed", base: repair?.commit });
  expect(extension?.counts?.passed).toBeGreaterThan(repair?.counts?.passed ?? Number.POSITIVE_INFINITY);
  expect(run.state).toMatchObject({ status: "completed" });
  expect(run.waivers).toEqual([]);
  for (const id of ["fix", "extend"]) expect(stateOf(run, id)).toMatchObject({ how: "verified" });
};

/** The largest at the terminal and the smallest in a host; the others take as many minutes each, and show the same of other languages. */
const chosen = wholeSweeps
  ? realProjects
  : realProjects.filter(({ name }) => ["go-toml", "walkdir"].includes(name));

describe.each(chosen)("$name $version", (project) => {
  const missing = project.programs.filter((program) => !has(program));
  const face = project.name === "go-toml" ? terminal : host;

  it.skipIf(missing.length > 0)(
    `is broken, repaired and built upon: a lie and a cheat are refused${missing.length > 0 ? ` (skipped: ${missing.join(", ")} not on this machine)` : ""}`,
    async ({ skip }) => {
      const { sample, env } = await brokenProject(project).catch((error: Error) => {
        // A machine of CI that reaches no registry would hide what is tested here; anybody else may be on a train.
        if (process.env.CI === "true") throw error;
        return skip(`it could not be fetched: ${error.message}`);
      });
      const before = await fingerprint(sample.repo);
      await face.run(sample, planFor(project));
      await expectJudged(await sample.open(), project);
      expect(await fingerprint(sample.repo)).toEqual(before);

      await face.apply(sample);
      expect(sample.git("log", "--format=%s", "-3").trim().split("\n")).toEqual([
        "Build on the repair",
        `Repair ${project.bug.file}`,
        "A change that broke it",
      ]);
      expect(sample.git("status", "--porcelain")).toBe("");
      let said = "";
      for (const command of project.suite) said += await typed(command, sample.repo, env, WHOLE_MS);
      expect(said).toMatch(project.passes);
    },
    WHOLE_MS,
  );
});
