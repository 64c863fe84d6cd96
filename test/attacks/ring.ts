import { type Arena, openArena } from "./arena.js";
import type { Attack, Level } from "./attack.js";
import { type Breach, breachesOf } from "./trial.js";

/** Carries out attacks at one level, in arenas that are shared as long as no attack has spoilt one. */
export interface Ring {
  /** What did not hold, but for what is known not to hold at this level. */
  breachesOf(attack: Attack): Promise<readonly Breach[]>;
  close(): Promise<void>;
}

export const openRing = (level: Level): Ring => {
  const arenas = new Map<string, Promise<Arena>>();
  const drop = async (key: string): Promise<void> => {
    const arena = arenas.get(key);
    arenas.delete(key);
    await (await arena)?.close();
  };
  return {
    breachesOf: async (attack) => {
      const { project, settings } =
        "call" in attack ? { project: "shop", settings: undefined } : { project: "shop", ...attack };
      const key = JSON.stringify([project, settings]);
      const arena = arenas.get(key) ?? openArena({ project, settings, level });
      arenas.set(key, arena);
      const breaches = await breachesOf(attack, await arena);
      // What was written where it must not be would be found again after the next attack.
      if (breaches.length > 0) await drop(key);
      return level < (attack.holdsFrom ?? 1) ? unexpected(attack, breaches) : breaches;
    },
    close: async () => {
      for (const key of arenas.keys()) await drop(key);
    },
  };
};

/** Where nothing keeps it from doing harm it must do some, or it would prove nothing where something does. */
const unexpected = ({ breaks }: Attack, breaches: readonly Breach[]): readonly Breach[] => {
  const others = breaches.filter(({ promise }) => promise !== breaks || promise === "verdict");
  if (others.length < breaches.length) return others;
  return [...others, { promise: breaks, what: "it did no harm at a level where it could: it is blunt" }];
};
