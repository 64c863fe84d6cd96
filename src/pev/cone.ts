import { isWithin } from "../core/within.js";

/** Which folders of a tree are laid out: all, or the named ones with the files at the top and on the way to them. */
export type Cone = {
  /** The folders that were named; none means all of the tree. */
  readonly folders: readonly string[];
  /** `whole`: with all below; `part`: its own files and some of its folders; the top of the tree is "". */
  of(folder: string): "whole" | "part" | "none";
};

/** A folder as people write it, and once. */
export const coneOf = (named: readonly string[]): Cone => {
  const folders = [
    ...new Set(
      named.map((path) =>
        path
          .replace(/^(\.\/+)+/, "")
          .replace(/\/+/g, "/")
          .replace(/\/$/, ""),
      ),
    ),
  ];
  return {
    folders,
    of: (folder) => {
      if (folders.length === 0 || folders.some((one) => isWithin(folder, one))) return "whole";
      return folder === "" || folders.some((one) => one.startsWith(`${folder}/`)) ? "part" : "none";
    },
  };
};

export const isInCone = (cone: Cone, path: string): boolean =>
  cone.of(path.slice(0, Math.max(path.lastIndexOf("/"), 0))) !== "none";

/** What git's own sparse checkouts have in `info/sparse-checkout`, so that a git in the tree leaves the rest alone. */
export const conePatterns = ({ folders }: Cone): string => {
  const above = new Set(folders.flatMap((folder) => foldersAbove(folder)));
  const lines = [
    "/*",
    "!/*/",
    ...[...above].sort().flatMap((folder) => [`/${escaped(folder)}/`, `!/${escaped(folder)}/*/`]),
    ...folders.map((folder) => `/${escaped(folder)}/`),
  ];
  return `${lines.join("\n")}\n`;
};

const foldersAbove = (folder: string): readonly string[] =>
  folder
    .split("/")
    .slice(0, -1)
    .map((_, n, parts) => parts.slice(0, n + 1).join("/"));

const escaped = (path: string): string => path.replace(/[\\*?[\]]/g, "\\$&");
