import { afterAll, describe, expect, it } from "vitest";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { has } from "../helpers/toolchain-samples.js";
import type { Attack, Level } from "./attack.js";
import { levels } from "./levels.js";
import { needsOf } from "./page.js";
import { openRing } from "./ring.js";

/** What depends on the moment shows when it is tried again. */
const TRIES = wholeSweeps ? 3 : 1;

/** An ordinary run takes one of so many slices. */
const SLICES = 5;

const missingFor = (attack: Attack): readonly string[] => needsOf(attack).filter((program) => !has(program));

/** Calls of tools are the same at every level. An ordinary run tries an attack at one of the levels, with another seed at another. */
const triedAt = (attacks: readonly Attack[], level: Level): readonly Attack[] => {
  const isHere = (attack: Attack, n: number): boolean => {
    if ("call" in attack) return level === levels[0];
    return wholeSweeps || level === levels[(n + sweepSeed) % levels.length];
  };
  return sliceOf(attacks, sweepSize(attacks.length, Math.ceil(attacks.length / SLICES))).filter(isHere);
};

/** One family of attacks against every level that this machine offers, or one of them: files run beside each other. */
export const holdAgainst = (attacks: readonly Attack[], only?: Level): void => {
  if (only !== undefined && !levels.includes(only)) return void it.skip(`this machine has no level ${only}`);
  const wanted = levels.filter((level) => only === undefined || level === only);
  const here = wanted.filter((level) => triedAt(attacks, level).length > 0);
  describe.each(here.map((level) => [level]))("at level %i", (level: Level) => {
    const ring = openRing(level);
    afterAll(() => ring.close());
    for (const attack of triedAt(attacks, level)) {
      const missing = missingFor(attack);
      const tooDangerous = (attack.runsFrom ?? 1) > level;
      const why = tooDangerous ? `only from level ${attack.runsFrom}` : `no ${missing.join(", ")}`;
      const skipped = tooDangerous || missing.length > 0;
      it.skipIf(skipped)(
        `${attack.name}${skipped ? ` (skipped: ${why})` : ""}`,
        async () => {
          for (let tried = 0; tried < TRIES; tried += 1) expect(await ring.breachesOf(attack)).toEqual([]);
        },
        SWEEP_MS,
      );
    }
  });
};
