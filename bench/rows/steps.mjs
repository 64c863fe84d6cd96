// What a step costs besides its agent and its judge, and how that grows with the repository and with the run.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { median, millis, paired, REPETITIONS, row } from "../measure.mjs";
import { bare, chainOf, complete, makeProject, openLedgerOf } from "../project.mjs";

/** The aim of a step at 100 files, where agent and judge are `true`. */
const STEP_MS_MAX = 150;
/** Real agents work for minutes; this is long enough that a room is laid out meanwhile. */
const AGENT_MS = { 100: 500, 5000: 2_000, 50000: 15_000 };

export async function* rows() {
  yield* overhead();
  yield* proposalToVerdict();
}

/** Agent and validator `true`, one step after the other. */
async function* overhead() {
  const perStep = {};
  for (const steps of [10, 100]) {
    const project = await makeProject(100);
    await writeFile(
      join(project.repo, "runledger.yaml"),
      "agents:\n  coder: { kind: command, run: ['true'] }\n",
    );
    const app = await openLedgerOf(project);
    await complete(app, chainOf(1));
    const times = [];
    const floors = [];
    for (let round = 0; round < (steps > 10 ? 3 : REPETITIONS); round += 1) {
      const programs = await millis(() => {
        for (let at = 0; at < steps; at += 1)
          for (const argv of [["true"], ["sh", "-c", "true"]]) bare(argv, "/");
      });
      floors.push(programs / steps);
      times.push((await millis(() => complete(app, chainOf(steps)))) / steps - programs / steps);
    }
    await app.close();
    await project.dispose();
    perStep[steps] = median(times);
    yield row({
      name: `a step of ${steps} with agent and judge "true", 100 files, over ${STEP_MS_MAX} ms`,
      ratio: perStep[steps] / STEP_MS_MAX,
      ours: perStep[steps],
      floor: STEP_MS_MAX,
      unit: "ms",
      aim: { max: 1 },
      bound: "eleven gits of 5 to 8 ms, and making each file twice",
    });
    yield row({
      name: `the same over both programs alone`,
      ratio: perStep[steps] / median(floors),
      ours: perStep[steps],
      floor: median(floors),
      unit: "ms",
    });
  }
  yield row({
    name: "a step of 100 over a step of 10",
    ratio: perStep[100] / perStep[10],
    ours: perStep[100],
    floor: perStep[10],
    unit: "ms",
    aim: { max: 1.2 },
  });
}

async function* proposalToVerdict() {
  const times = {};
  for (const files of [100, 5_000, 50_000]) {
    const project = await makeProject(files);
    const app = await openLedgerOf(project, { agents: { coder: editor(AGENT_MS[files]) } });
    const waits = [];
    const verdict = await paired({
      name: `proposal to verdict over the bare command, ${files} files`,
      ours: async () => {
        const found = waitOf(await complete(app, chainOf(1)));
        waits.push(found);
        return found;
      },
      floor: () => millis(() => bare(["sh", "-c", "true"], project.repo)),
      repetitions: files > 5_000 ? 3 : undefined,
    });
    await app.close();
    await project.dispose();
    times[files] = median(waits);
    yield verdict;
  }
  for (const [more, less] of [
    [5_000, 100],
    [50_000, 5_000],
  ])
    yield row({
      name: `proposal to verdict, ${more} files over ${less}`,
      ratio: times[more] / times[less],
      ours: times[more],
      floor: times[less],
      unit: "ms",
      aim: { max: more / less },
    });
}

/** An agent that changes one file and adds another. */
const editor =
  (workMs) =>
  async ({ workspace }) => {
    const text = `export const now = ${process.hrtime.bigint()}n;\n`;
    await writeFile(join(workspace, "src/part-0/f0/file-0.mjs"), text);
    await writeFile(join(workspace, `src/new.mjs`), text);
    await delay(workMs);
    return { result: "done" };
  };

/** Milliseconds from the journal: the proposal is recorded, then its verdict. */
const waitOf = (events) => {
  const at = (type) => Date.parse(events.find((event) => event.type === type).at);
  return at("step_validation_passed") - at("step_result_proposed");
};
