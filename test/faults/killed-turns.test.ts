import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { verifyAt } from "../../src/index.js";
import { sample } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { figureOfEach } from "../helpers/figures.js";
import { sliceOf, sweepSize } from "../helpers/sweep.js";

/** Processes that are really killed, at every place of every turn. */

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());
figureOfEach("turns");

const places = [1, 2, 3].flatMap((turn) =>
  ["begins", "thinks", "ends", "is signed"].map((place) => ({ turn, place })),
);

const cases = [
  ...places.map((one) => ({ ...one, store: "sqlite" })),
  ...places.slice(4, 8).map((one) => ({ ...one, store: "file" })),
];

it.each(sliceOf(cases, sweepSize(cases.length, 4)))(
  "turn $turn $place, killed, with checkpoints in $store",
  async ({ turn, place, store }) => {
    const shop = await sample({ "a.txt": "1\n", "runledger.yaml": `durable: { checkpoints: ${store} }\n` });
    const log = join(shop.place, "log");
    const worker = (killAt: string) =>
      spawnSync(
        process.execPath,
        [join(import.meta.dirname, "../helpers/turn-worker.mjs"), built.library, shop.repo, log, killAt],
        { env: shop.env as NodeJS.ProcessEnv, encoding: "utf8" },
      );
    expect(worker(`${turn} ${place}`).signal).toBe("SIGKILL");
    const { stdout, stderr } = worker("");
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      result: "word 1, word 2, word 3",
      attempt: 1,
      checkpoints: ["1 true", "2 true", "3 true"],
    });
    const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith("from"))).toEqual([
      "from 0",
      `from ${place === "is signed" ? turn : turn - 1}`,
    ]);
    // Of turns that were signed nothing is done again.
    for (let signed = 1; signed < (place === "is signed" ? turn + 1 : turn); signed += 1)
      expect(lines.filter((line) => line === `think ${signed}`)).toHaveLength(1);
    expect(await verifyAt({ projectDir: shop.repo, env: shop.env })).toMatchObject({
      flaws: [],
      checkpoints: 3,
    });
  },
);
