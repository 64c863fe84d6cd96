import type { Level, Scene, Working } from "../attack.js";

/** What the same user may write elsewhere, as an agent and as code under test. */
const writingTo = (
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

const writing: readonly Working[] = [
  ...writingTo("B5", "writes into the user's home", ({ home }) => `echo 'evil' >> '${home}/.profile'`),
  ...writingTo(
    "B5",
    "writes into the user's temporary folder",
    ({ tmp, token }) => `echo x > '${tmp}/${token}'`,
  ),
  ...writingTo(
    "A19",
    "changes another agent's work",
    ({ otherWorkspace }) => `echo worse > '${otherWorkspace}/thoughts.txt'`,
  ),
  ...writingTo(
    "E1",
    "adds a ref to the private store",
    ({ dataDir }) => `echo 0000000000000000000000000000000000000001 > '${dataDir}/store.git/refs/evil'`,
    "record",
  ),
  ...writingTo(
    "E1",
    "settles the private store anew",
    ({ dataDir, lair }) => `printf '[core]\\n\\tfsmonitor = ${lair}/x\\n' >> '${dataDir}/store.git/config'`,
    "record",
  ),
];

const inTheStore: readonly Working[] = [
  ...writingTo(
    "E1",
    "plants hooks in the private store",
    ({ dataDir, fire }) =>
      `at='${dataDir}/store.git/hooks'; mkdir -p "$at" && for name in reference-transaction post-index-change; do printf '#!/bin/sh\\n%s\\n' "${fire}" > "$at/$name"; chmod +x "$at/$name"; done`,
    "record",
  ),
  // What lies in the room's view, but only to be read.
  ...writingTo(
    "E1",
    "mounts the private store's objects anew, and opens them to everybody",
    ({ dataDir }) =>
      `mount -o remount,bind,rw '${dataDir}/store.git/objects'; chmod 777 '${dataDir}/store.git/objects'`,
    "record",
  ),
];

export const elsewhere: readonly Working[] = [...writing, ...inTheStore];
