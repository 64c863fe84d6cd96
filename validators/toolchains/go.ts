import { dirname, join, relative } from "node:path";
import { goTail, readGoReport } from "../reports/go.js";
import type { Room } from "../room.js";
import { canaryName, goCanary } from "./canary-files.js";
import { type Canary, REPORT_BYTES_MAX, type ToolchainAdapter } from "./command.js";

// Unlike `go build`, `go test` hands everything after `--` to the test binary and then tests the root package alone,
// so the target stands without it; a plan's target never begins with a dash.
export const go: ToolchainAdapter = {
  marks: ["go.mod", "go.work"],
  // Of a single main package, go would write the program into the tree.
  build: async (target) => ({
    program: "go",
    argv: ["go", "build", "-o", "/dev/null", "--", target || "./..."],
  }),
  test: async (target, room, only) => ({
    program: "go",
    // A cached result would tell about another room.
    argv: ["go", "test", "-json", "-count=1", ...(only.length > 0 ? packagesOf(only) : [target || "./..."])],
    stdoutBytesMax: REPORT_BYTES_MAX,
    readReport: async ({ stdout }) => readGoReport(stdout),
    tailOf: ({ stdout, tail }) => goTail(stdout) || tail,
    canaryFor: (file, token) => canaryIn(file, token, room),
  }),
};

const packagesOf = (files: readonly string[]): readonly string[] => [
  ...new Set(files.map((file) => `./${dirname(file)}`)),
];

/** Reports name packages; where the sources of one lie, and what they call it, go knows. */
const canaryIn = async (name: string, token: string, room: Room): Promise<Canary | undefined> => {
  const where = 'pwd -P && exec go list -f "{{.Name}}\n{{.Dir}}" "$1"';
  const execution = await room.exec(["sh", "-c", where, "sh", name], { stdoutBytesMax: 16 * 1024 });
  const [root, packageName = "", folder] = execution.stdout.split("\n");
  if (execution.exitCode !== 0 || root === undefined || folder === undefined) return undefined;
  const inside = relative(root, folder);
  if (!/^\w+$/.test(packageName) || inside.startsWith("..")) return undefined;
  const text = goCanary(packageName, canaryName(token));
  return { path: join(inside, `${token}_test.go`), text, alone: text };
};
