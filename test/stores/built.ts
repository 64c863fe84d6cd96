import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export type Built = {
  readonly folder: string;
  /** Runs a fixture as a process of its own, under a shell line such as "ulimit -f 1"; answers with the JSON it prints. */
  readonly run: (fixture: string, args: readonly string[], before?: string) => Promise<unknown>;
  readonly remove: () => Promise<void>;
};

/** The stores laid out as an installed package has them, for what only real processes of their own can show. */
export const buildStores = async (): Promise<Built> => {
  const folder = await mkdtemp(join(tmpdir(), "runledger-built-"));
  await cp(join(root, "package.json"), join(folder, "package.json"));
  await cp(join(root, "drizzle"), join(folder, "drizzle"), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  const options = "--target ES2023 --module NodeNext --moduleResolution NodeNext --types node --skipLibCheck";
  const places = ["--ignoreConfig", "--rootDir", root, "--outDir", join(folder, "dist")];
  const sources = [join(root, "src/stores/open.ts")];
  await exec(join(root, "node_modules/.bin/tsc"), [...options.split(" "), ...places, ...sources], {
    cwd: root,
  });
  return {
    folder,
    run: async (fixture, args, before = "true") => {
      const script = join(root, "test/stores/fixtures", fixture);
      const line = [process.execPath, script, join(folder, "dist/src/stores/open.js"), ...args];
      const { stdout } = await exec("/bin/sh", ["-c", `${before} && exec "$@"`, "sh", ...line]);
      return JSON.parse(stdout);
    },
    remove: () => rm(folder, { recursive: true }),
  };
};

export const root = fileURLToPath(new URL("../..", import.meta.url));

const exec = promisify(execFile);
