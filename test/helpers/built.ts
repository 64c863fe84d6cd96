import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

type Built = { readonly bin: string; readonly library: string; readonly remove: () => void };

/** The product laid out as an installed package has it, for what only real processes of their own can show. */
export const buildPackage = (): Built => {
  const folder = mkdtempSync(join(tmpdir(), "runledger-built-"));
  for (const part of ["package.json", "drizzle", "examples"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const tsc = join(root, "node_modules/.bin/tsc");
  const options = ["-p", "tsconfig.build.json", "--noCheck", "--outDir", join(folder, "dist")];
  const quietly: ExecFileSyncOptions = { cwd: root, stdio: ["ignore", "ignore", "inherit"] };
  execFileSync(tsc, options, quietly);
  execFileSync(process.execPath, [join(root, "build/bundle.mjs"), join(folder, "dist")], quietly);
  return {
    bin: join(folder, "dist/cli/main.js"),
    library: join(folder, "dist/library/kept.js"),
    remove: () => rmSync(folder, { recursive: true }),
  };
};
