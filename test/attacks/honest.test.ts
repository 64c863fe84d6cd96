import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEVEL_HERE } from "../helpers/isolation.js";
import { openSuspects, type Suspects, type Trial } from "../helpers/suspects.js";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";
import { has } from "../helpers/toolchain-samples.js";
import { carryOut, type HonestChange, type HonestProject } from "./honest/change.js";
import { goShop } from "./honest/go.js";
import { javaCalc } from "./honest/java.js";
import { nodeShop } from "./honest/node.js";
import { pythonShop } from "./honest/python.js";
import { rustShop } from "./honest/rust.js";

const projects: readonly HonestProject[] = [nodeShop, pythonShop, goShop, rustShop, javaCalc];
const corpus = projects.flatMap(({ name, changes }) => changes.map(({ does }) => `${name}: ${does}`));
const chosen = new Set(sliceOf(corpus, sweepSize(corpus.length, 6)));

describe("the honest corpus", () => {
  it("has at least a hundred changes in five languages, each once, and at most 2 % of them are refused", () => {
    expect(new Set(corpus).size).toBe(corpus.length);
    expect(corpus.length).toBeGreaterThanOrEqual(100);
    expect(new Set(projects.map(({ language }) => language)).size).toBe(5);
    const refused = projects.flatMap(({ changes }) =>
      changes.filter((change) => change.refused !== undefined),
    );
    expect(refused.length / corpus.length).toBeLessThanOrEqual(0.02);
  });
});

/** Where rooms are weakest and where they are narrowest. */
const judgedAt = [...new Set([1, LEVEL_HERE])];
const cases = judgedAt.flatMap((level) =>
  projects.flatMap((project) => {
    const changes = project.changes.filter(({ does }) => chosen.has(`${project.name}: ${does}`));
    // A slice need not have one of every project.
    return changes.length === 0 ? [] : [{ level, project, changes, name: project.name }];
  }),
);

describe.each(cases)("in $name, at level $level, an honest agent that", ({ level, project, changes }) => {
  const missing = project.programs.filter((program) => !has(program));
  const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not on this machine)`;
  let suspects: Suspects;
  beforeAll(async () => {
    const settings = JSON.stringify({ isolation: { maximum: level } });
    suspects = await openSuspects({ ...project.files, "runledger.yaml": `${settings}\n` });
    // The first ledger for Go builds its standard library.
  }, SWEEP_MS);
  afterAll(() => suspects.dispose());

  it.skipIf(missing.length > 0).each(changes.map((change) => [`${change.does}${why}`, change] as const))(
    "%s",
    async (_does, change) => {
      expect(endOf(await judged(suspects, project, change))).toMatch(wantedEnd(change, level));
    },
    SWEEP_MS,
  );
});

const judged = (suspects: Suspects, { repair }: HonestProject, change: HonestChange): Promise<Trial> =>
  suspects.try((scene) => carryOut(change, repair, scene), { timeout: "10m", ...change.step }, change.plan);

const wantedEnd = ({ refused }: HonestChange, level: number): RegExp =>
  refused === undefined
    ? new RegExp(`^verified at level ${level}$`)
    : new RegExp(`^refused as ${refused.as}: `);

/** How it ended, with all that its judge said. */
const endOf = ({ run, reason, message }: Trial): string => {
  const state = run.steps[0]?.state;
  return run.state.status === "completed" && state?.status === "completed"
    ? `verified at level ${state.verdict?.isolationLevel}`
    : `refused as ${reason}: ${message}`;
};
