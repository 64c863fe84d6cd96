import { join } from "node:path";
import { handsIn } from "../helpers/suspects.js";
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
  const tripwire = join(place, `tripwire-${token}`);
  return {
    token,
    workspace,
    tripwire,
    fire: `touch '${tripwire}'`,
    lair: join(place, "lair"),
    repo,
    home: join(place, "home"),
    tmp: join(place, "tmp"),
    dataDir,
    otherWorkspace,
    neighbour,
    ...handsIn(workspace),
  };
};
