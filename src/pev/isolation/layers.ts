import { isWithin } from "../../core/within.js";
import type { Mount } from "./bubblewrap.js";

/** Outer ones first, and none that would change nothing where it lies. Of two at one path the later one holds. */
export const layered = (mounts: readonly Mount[]): readonly Mount[] => {
  const byPath = new Map(mounts.map((mount) => [mount.path, mount]));
  const inOrder = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const laid: Mount[] = [];
  for (const mount of inOrder) {
    const around = laid.findLast(({ path }) => isWithin(mount.path, path));
    if (isNeeded(mount, around)) laid.push(mount);
  }
  return laid;
};

const isNeeded = ({ kind }: Mount, around: Mount | undefined): boolean => {
  const shown = around?.kind === "read" || around?.kind === "link";
  if (kind === "hidden file" || kind === "hidden folder") return shown;
  return kind !== "read" || !shown;
};
