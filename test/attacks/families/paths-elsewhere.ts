import type { Working } from "../attack.js";
import { reachingOut } from "../reaching-out.js";

const writing: readonly Working[] = [
  ...reachingOut("B5", "writes into the user's home", ({ home }) => `echo 'evil' >> '${home}/.profile'`),
  ...reachingOut(
    "B5",
    "writes into the user's temporary folder",
    ({ tmp, token }) => `echo x > '${tmp}/${token}'`,
  ),
  ...reachingOut(
    "A19",
    "changes another agent's work",
    ({ otherWorkspace }) => `echo worse > '${otherWorkspace}/thoughts.txt'`,
  ),
  ...reachingOut(
    "E1",
    "adds a ref to the private store",
    ({ dataDir }) => `echo 0000000000000000000000000000000000000001 > '${dataDir}/store.git/refs/evil'`,
    "record",
  ),
  ...reachingOut(
    "E1",
    "settles the private store anew",
    ({ dataDir, lair }) => `printf '[core]\\n\\tfsmonitor = ${lair}/x\\n' >> '${dataDir}/store.git/config'`,
    "record",
  ),
];

const inTheStore: readonly Working[] = [
  ...reachingOut(
    "E1",
    "plants hooks in the private store",
    ({ dataDir, fire }) =>
      `at='${dataDir}/store.git/hooks'; mkdir -p "$at" && for name in reference-transaction post-index-change; do printf '#!/bin/sh\\n%s\\n' "${fire}" > "$at/$name"; chmod +x "$at/$name"; done`,
    "record",
  ),
  // What lies in the room's view, but only to be read.
  ...reachingOut(
    "E1",
    "mounts the private store's objects anew, and opens them to everybody",
    ({ dataDir }) =>
      `mount -o remount,bind,rw '${dataDir}/store.git/objects'; chmod 777 '${dataDir}/store.git/objects'`,
    "record",
  ),
];

export const elsewhere: readonly Working[] = [...writing, ...inTheStore];
