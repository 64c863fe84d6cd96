import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** A folder below which groups can be made, and what the kernel bounds in them. */
export type Hierarchy = {
  readonly version: 1 | 2;
  readonly parent: string;
  readonly controllers: readonly Controller[];
};

export type Controller = "memory" | "pids";
const NEEDED: readonly Controller[] = ["memory", "pids"];

/** Where the kernel tells about groups; tests have folders of their own. */
export type KernelFolders = { readonly mountInfo: string; readonly ownGroups: string };
const KERNEL_FOLDERS: KernelFolders = {
  mountInfo: "/proc/self/mountinfo",
  ownGroups: "/proc/self/cgroup",
};

/**
 * Where this process may make groups that bound memory and processes; or, in one sentence, why it may not. Groups are made
 * below our own where that is possible, so that whatever bounds us bounds them too.
 */
export const findHierarchies = (folders = KERNEL_FOLDERS): readonly Hierarchy[] | string => {
  const mounts = readMounts(folders.mountInfo);
  const own = readOwn(folders.ownGroups);
  const found: Hierarchy[] = [];
  for (const controller of NEEDED) {
    const hierarchy = firstVersion(controller, mounts, own) ?? secondVersion(controller, mounts, own);
    if (hierarchy === undefined) return `no control group of ours may bound ${WORDS[controller]}`;
    const same = found.findIndex(({ parent }) => parent === hierarchy.parent);
    if (same === -1) found.push(hierarchy);
    else found[same] = { ...hierarchy, controllers: NEEDED };
  }
  return found;
};

const WORDS: { readonly [C in Controller]: string } = { memory: "memory", pids: "processes" };

type Mount = { readonly root: string; readonly at: string; readonly type: string; readonly options: string };

const readMounts = (file: string): readonly Mount[] =>
  linesOf(file).map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", at = ""] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    return { root, at, type, options };
  });

/** Controllers (none for version 2) and the path of the group that this process is in. */
type OwnGroup = { readonly controllers: readonly string[]; readonly path: string };

const readOwn = (file: string): readonly OwnGroup[] =>
  linesOf(file).map((line) => {
    const [, controllers = "", ...path] = line.split(":");
    return { controllers: controllers.split(","), path: path.join(":") };
  });

const linesOf = (file: string): readonly string[] => {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
};

const firstVersion = (
  controller: Controller,
  mounts: readonly Mount[],
  own: readonly OwnGroup[],
): Hierarchy | undefined => {
  const mount = mounts.find(
    ({ type, options }) => type === "cgroup" && options.split(",").includes(controller),
  );
  const group = own.find(({ controllers }) => controllers.includes(controller));
  const parent = mount && group && folderOf(mount, group);
  if (parent === undefined || !mayMakeIn(parent)) return undefined;
  return { version: 1, parent, controllers: [controller] };
};

/**
 * There a group either holds processes or hands controllers on, so ours cannot be below the one that we are in: the nearest
 * one above it that hands them on and lets us in is taken.
 */
const secondVersion = (
  controller: Controller,
  mounts: readonly Mount[],
  own: readonly OwnGroup[],
): Hierarchy | undefined => {
  const mount = mounts.find(({ type }) => type === "cgroup2");
  const group = own.find(({ controllers }) => controllers[0] === "");
  if (mount === undefined || group === undefined) return undefined;
  for (let folder = folderOf(mount, group); folder?.startsWith(mount.at); folder = dirname(folder)) {
    const handedOn = linesOf(join(folder, "cgroup.subtree_control")).join(" ").split(" ");
    if (handedOn.includes(controller) && mayMakeIn(folder))
      return { version: 2, parent: folder, controllers: [controller] };
    if (folder === mount.at) break;
  }
  return undefined;
};

/** In a container the mount may show only a part of the tree: then our own group has to lie in it. */
const folderOf = ({ root, at }: Mount, { path }: OwnGroup): string | undefined => {
  const below = relative(root, path);
  return below.startsWith("..") ? undefined : join(at, below);
};

/** To move a process one has to be allowed to write to the group above both its old and its new one. */
const mayMakeIn = (folder: string): boolean => {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    accessSync(join(folder, "cgroup.procs"), constants.W_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
};
