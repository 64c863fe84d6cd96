import type { Level, Scene, Working } from "./attack.js";

/** What the same user may do beyond the room, as an agent and as code under test. */
export const reachingOut = (
  row: string,
  name: string,
  command: (scene: Scene) => string,
  breaks: Working["breaks"] = "outside",
): readonly Working[] => {
  const common = { row, breaks, holdsFrom: 3 as Level } as const;
  // An agent that fails would not be judged.
  const done = (scene: Scene) => `${command(scene)}; true`;
  return [
    { ...common, name: `${name}, as an agent`, ends: ["check_failed"], program: done },
    {
      ...common,
      name: `${name}, from code under test`,
      ends: ["check_failed"],
      code: (scene) =>
        `import { execFileSync } from "node:child_process";\ntry { execFileSync("sh", ["-c", ${JSON.stringify(done(scene))}], { stdio: "ignore" }); } catch {}`,
    },
  ];
};
