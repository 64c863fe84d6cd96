import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LedgerError } from "../core/errors.js";

/** The same code runs from source and from the build, which lie at different depths below the package. */
export const packageFolder = (name: string, start: string): string => {
  for (let folder = dirname(start); folder !== dirname(folder); folder = dirname(folder)) {
    if (manifestOf(folder)?.name === name) return folder;
  }
  throw new LedgerError("store_unavailable", `No package.json of "${name}" lies above ${start}.`, {
    hint: "Install the package again; some of its files are missing.",
  });
};

/** The version a package says it has; read from its file because a package may hide its manifest from import. */
export const packageVersion = (name: string, start: string): string =>
  manifestOf(packageFolder(name, start))?.version ?? "0";

type Manifest = { readonly name?: string; readonly version?: string };

const manifestOf = (folder: string): Manifest | undefined => {
  const file = join(folder, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Manifest) : undefined;
};
