import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Cone, conePatterns } from "./cone.js";
import { RAW_ATTRIBUTES } from "./git.js";

/**
 * Writes what `git init`, `git update-ref` and three settings would: two processes less for every workspace and every room.
 * Format 0 is for ever loose refs and SHA-1, so no newer git reads it in another way.
 */
export const makeGitFolder = async (input: {
  /** Not there yet; that it is made here is checked. */
  readonly gitDir: string;
  readonly branch: string;
  readonly commit: string;
  /** Added to its settings. */
  readonly settings?: string;
  /** The folder of objects that it borrows from. */
  readonly borrows?: string;
  /** What of the tree is laid out. */
  readonly cone: Cone;
}): Promise<void> => {
  const { gitDir, branch, commit, settings = "", borrows, cone } = input;
  const isSparse = cone.folders.length > 0;
  const head = join("refs", "heads", branch);
  await mkdir(gitDir);
  for (const folder of ["info", "objects/info", "objects/pack", "refs/tags", dirname(head)])
    await mkdir(join(gitDir, folder), { recursive: true });
  const files = {
    HEAD: `ref: ${head}\n`,
    config: `${CORE}${isSparse ? SPARSE : ""}${settings}`,
    ...(isSparse ? { "info/sparse-checkout": conePatterns(cone) } : {}),
    "info/attributes": RAW_ATTRIBUTES,
    [head]: `${commit}\n`,
    ...(borrows === undefined ? {} : { "objects/info/alternates": `${borrows}\n` }),
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(gitDir, path), text, { flag: "wx" });
};

const SPARSE = "\tsparseCheckout = true\n\tsparseCheckoutCone = true\n[index]\n\tsparse = true\n";

/** What init finds out about the usual file systems of the platform. */
const CORE = [
  "[core]",
  "repositoryformatversion = 0",
  "filemode = true",
  "bare = false",
  "logallrefupdates = true",
  ...(process.platform === "darwin" ? ["ignorecase = true", "precomposeunicode = true"] : []),
  "",
]
  .join("\n\t")
  .replace(/\t$/, "");
