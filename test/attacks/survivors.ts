import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { procStat } from "../../src/ledger/owner.js";

const LOOKS = 25;
const LOOK_MS = 20;

/**
 * Processes of an attack that live 500 ms after its end, known by its token in their words or environment, or by standing in a
 * folder of ours. Whatever is found is ended, for nobody else would.
 */
export const survivorsOf = async (token: string, folder: string): Promise<readonly string[]> => {
  let found = lookFor(token, folder);
  for (let look = 0; found.length > 0 && look < LOOKS; look += 1) {
    await delay(LOOK_MS);
    found = lookFor(token, folder);
  }
  for (const { pid } of found) end(pid);
  return found.map(({ words }) => words);
};

type Survivor = { readonly pid: number; readonly words: string };

const lookFor = (token: string, folder: string): readonly Survivor[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name): Survivor[] => {
      const stat = procStat(Number(name));
      if (stat === undefined || stat.zombie) return [];
      const words = told(name, "cmdline").replaceAll("\0", " ").trim();
      // A git that the ledger itself has started.
      if (stat.parent === process.pid && /^\S*git /.test(words)) return [];
      const isOurs = words.includes(token) || told(name, "environ").includes(token) || standsIn(name, folder);
      return isOurs ? [{ pid: stat.pid, words }] : [];
    });

const told = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
};

const standsIn = (pid: string, folder: string): boolean => {
  try {
    const at = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");
    return at === folder || at.startsWith(`${folder}/`);
  } catch {
    return false;
  }
};

const end = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It went by itself.
  }
};
