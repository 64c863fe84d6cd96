import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import type { Level } from "../attack.js";
import type { Breach } from "../trial.js";

/** One wrong line in our own verifier, and the attacks that must notice. */
export type Defect = {
  /** What the verifier does not do any more. */
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file; a change that moves it must move this as well. */
  readonly find: string;
  readonly replace: string;
  /** Where it shows; 1 when not given. */
  readonly level?: Level;
  /** At least one of these attacks must report a promise that does not hold. */
  readonly caughtBy: readonly string[];
};

/** What one attack found out. */
export type Tried = { readonly attack: string; readonly breaches: readonly Breach[] };

/** A copy of the verifier and of the attacks, to be spoilt. */
export interface Workshop {
  /** Carries out the attacks on a verifier with this defect; undefined is none. */
  try(defect: Defect | undefined, attacks: readonly string[], level: Level): Promise<readonly Tried[]>;
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** What is translated, and what is used as it lies there. */
const SOURCES = ["src", "tools", "validators", "test/helpers", "test/attacks"];
const SHARED = ["node_modules", "drizzle", "package.json"];
/** An attack that hangs is noticed, too. */
const TRIED_MS = 120_000;

const run = promisify(execFile);

export const openWorkshop = async (): Promise<Workshop> => {
  const place = await mkdtemp(join(tmpdir(), "runledger-test-"));
  const whole = join(place, "whole");
  await translate(whole);
  let count = 0;
  return {
    try: async (defect, attacks, level) => {
      count += 1;
      const copy = join(place, String(count));
      await cp(whole, copy, { recursive: true, verbatimSymlinks: true });
      if (defect !== undefined) await spoil(copy, defect);
      const argv = [join(copy, "test/attacks/main.js"), "--level", String(level), ...attacks];
      const { stdout } = await run(process.execPath, argv, { timeout: TRIED_MS, cwd: place });
      await rm(copy, { recursive: true });
      return stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line));
    },
    close: () => rm(place, { recursive: true, force: true }),
  };
};

const translate = async (whole: string): Promise<void> => {
  for (const source of SOURCES)
    for (const entry of await readdir(join(ROOT, source), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/(?<!\.test)\.(tsx?|mjs)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name).slice(ROOT.length);
      await put(whole, path, await readFile(join(ROOT, path), "utf8"));
    }
  for (const shared of SHARED) await symlink(join(ROOT, shared), join(whole, shared));
};

const put = async (folder: string, path: string, text: string): Promise<void> => {
  const loader = path.endsWith(".tsx") ? "tsx" : "ts";
  const { code } = await transform(text, { loader, format: "esm", target: "node20", jsx: "automatic" });
  const file = join(folder, path.replace(/\.tsx?$/, ".js"));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, code);
};

const spoil = async (copy: string, { name, file, find, replace }: Defect): Promise<void> => {
  const text = await readFile(join(ROOT, file), "utf8");
  const parts = text.split(find);
  if (parts.length !== 2)
    throw new Error(`"${name}": ${file} holds its text ${parts.length - 1} times, not once: ${find}`);
  await put(copy, file, parts.join(replace));
};
