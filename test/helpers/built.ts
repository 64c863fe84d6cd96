import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The product laid out as an installed package has it, for what only real processes of their own can show. */
export const buildPackage = (): { readonly bin: string; readonly remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), "runledger-built-"));
  for (const part of ["package.json", "drizzle", "examples"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const tsc = join(root, "node_modules/.bin/tsc");
  const options = ["-p", "tsconfig.build.json", "--noCheck", "--outDir", join(folder, "dist")];
  execFileSync(tsc, options, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  return {
    bin: join(folder, "dist/src/ui/cli/main.js"),
    remove: () => rmSync(folder, { recursive: true }),
  };
};
