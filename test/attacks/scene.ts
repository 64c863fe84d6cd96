import { execFileSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Scene } from "./attack.js";
import type { Neighbour } from "./neighbour.js";

type Surroundings = Pick<Scene, "repo" | "dataDir" | "otherWorkspace"> & {
  readonly place: string;
  readonly neighbour: Neighbour;
};

/** What one attacker sees of an arena. */
export const sceneIn = (
  { place, repo, dataDir, otherWorkspace, neighbour }: Surroundings,
  workspace: string,
  token: string,
): Omit<Scene, "stepId"> => {
  const canary = join(place, `canary-${token}`);
  return {
    token,
    workspace,
    canary,
    fire: `touch '${canary}'`,
    lair: join(place, "lair"),
    repo,
    home: join(place, "home"),
    tmp: join(place, "tmp"),
    dataDir,
    otherWorkspace,
    neighbour,
    write: async (files) => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(workspace, path)), { recursive: true });
        await writeFile(join(workspace, path), text, text.startsWith("#!") ? { mode: 0o755 } : {});
      }
    },
    read: (path) => readFile(join(workspace, path), "utf8"),
    remove: (path) => rm(join(workspace, path), { recursive: true }),
    git: (...args) => execFileSync("git", args, { cwd: workspace, encoding: "utf8", stdio: "pipe" }).trim(),
  };
};
