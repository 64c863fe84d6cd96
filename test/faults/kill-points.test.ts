import { cp, mkdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventTypes } from "../../src/core/events.js";
import { figure } from "../helpers/figures.js";
import { randomFrom, SWEEP_MS, sliceOf, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { inLanes } from "./lab/lanes.js";
import { type Expected, expectedOf, lostIn, TAKEN_OUT_BARE, wrongAfterwards } from "./lab/outcome.js";
import { STORY, typesTold } from "./lab/story.js";
import { countsIn, type Lab, noStrace, openLab, WRITES, type Write } from "./lab/straced.js";

/** Just before a call that changes a file, or while it is made. */
type Blow = { readonly write: Write; readonly at: number; readonly how: "before" | "within" };
type Scene = {
  readonly template: string | undefined;
  readonly expected: Expected;
  readonly blows: readonly Blow[];
};

const BEFORE = ["before", "within"] as const;
const killing = ({ write, at, how }: Blow): readonly string[] => [
  ...["-e", `trace=${write}`],
  // A call that is refused is not made.
  ...["-e", `inject=${write}:${how === "before" ? "error=EIO:" : ""}signal=SIGKILL:when=${at}`],
];

let lab: Lab;
beforeAll(async () => {
  if (noStrace === undefined) lab = await openLab();
});
afterAll(() => lab?.remove());

/** Every call of a telling that nobody disturbs, or only those of opening its ledger. */
const sceneOf = async (
  template: string | undefined,
  how: "once" | "open" = "once",
  flaws: readonly string[] = [],
): Promise<Scene> => {
  const place = await lab.newPlace(template);
  await lab.tell(place, ["-e", `trace=${WRITES}`], how);
  const counts = countsIn(await lab.logOf(place));
  if (how === "open") await lab.tell(place, ["-e", "trace=none"]);
  const blows = [...counts].flatMap(([write, count]) =>
    Array.from({ length: count }, (_, index) =>
      BEFORE.map((when) => ({ write, at: index + 1, how: when })),
    ).flat(),
  );
  const expected = await expectedOf(place, flaws);
  await rm(place, { recursive: true });
  return { template, expected, blows };
};

/** Kills one after the other, each of whoever went on after the last; then nobody is killed. */
const endure = async ({ template, expected }: Scene, blows: readonly Blow[]) => {
  const place = await lab.newPlace(template);
  const faults: string[] = [];
  let kills = 0;
  for (const blow of blows) {
    const told = await lab.tell(place, killing(blow));
    if (told.signal === "SIGKILL") kills += 1;
    else if (told.code !== 0) faults.push(`it ended by ${told.code}: ${told.complaint}`);
    faults.push(...(await lostIn(place, told.acknowledged)));
  }
  faults.push(...(await wrongAfterwards(place, expected).catch((error: unknown) => [String(error)])));
  await rm(place, { recursive: true });
  return { kills, faults: faults.map((fault) => `${JSON.stringify(blows)}: ${fault}`) };
};

const sweep = async (what: string, scene: Scene, all: readonly (readonly Blow[])[]) => {
  const ends = await inLanes(availableParallelism(), all, (blows) => endure(scene, blows));
  const kills = ends.reduce((sum, end) => sum + end.kills, 0);
  const faults = ends.flatMap((end) => end.faults);
  figure("kills", kills, faults.length, what);
  expect(faults).toEqual([]);
  return kills;
};

describe.skipIf(noStrace !== undefined)(
  `kill -9 at every call that writes (seed ${sweepSeed}; skipped where: ${noStrace ?? "never here"})`,
  () => {
    it("has every type of event in what is told", () => {
      expect(eventTypes.filter((type) => !typesTold.has(type))).toEqual([]);
    });

    it(
      "of a new ledger and a life of every type of event: nothing is lost, nothing is doubled, effects are done once",
      async () => {
        const scene = await sceneOf(undefined);
        expect(scene.expected.effects).toEqual(["charge card"]);
        expect(scene.expected.journal.length).toBeGreaterThan(STORY.length);
        const blows = sliceOf(scene.blows, sweepSize(scene.blows.length, 20)).map((blow) => [blow]);
        const kills = await sweep("kills at every write", scene, blows);
        expect(kills).toBe(blows.length);
        if (wholeSweeps) expect(kills).toBeGreaterThan(1_500);
      },
      SWEEP_MS,
    );

    it(
      "and of whoever goes on, again and again",
      async () => {
        const scene = await sceneOf(undefined);
        const next = randomFrom(sweepSeed);
        // Who goes on has less to write.
        const early = (part: number): Blow => {
          const blow = scene.blows[Math.floor(next() * scene.blows.length)] as Blow;
          return { ...blow, at: 1 + Math.floor(next() * part * blow.at) };
        };
        const all = Array.from({ length: sweepSize(150, 4) }, () => [0.9, 0.2, 0.1].map(early));
        expect(await sweep("kills one after the other", scene, all)).toBeGreaterThan(all.length);
      },
      SWEEP_MS,
    );

    it.each(["v1", "v2", "v3", "v4"])(
      "of bringing a ledger of schema %s up to date",
      async (version) => {
        const template = await lab.newPlace();
        await mkdir(join(template, "ledger"));
        const fixture = join(import.meta.dirname, `../fixtures/ledgers/${version}.db`);
        await cp(fixture, join(template, "ledger", "ledger.db"));
        const scene = await sceneOf(template, "open", version === "v2" ? [TAKEN_OUT_BARE] : []);
        const blows = sliceOf(scene.blows, sweepSize(scene.blows.length, 3)).map((blow) => [blow]);
        expect(await sweep(`kills while ${version} is upgraded`, scene, blows)).toBe(blows.length);
      },
      SWEEP_MS,
    );
  },
);
