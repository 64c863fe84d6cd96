import { goTail, readGoReport } from "../reports/go.js";
import { REPORT_BYTES_MAX, type ToolchainAdapter } from "./command.js";

// Unlike `go build`, `go test` hands everything after `--` to the test binary and then tests the root package alone,
// so the target stands without it; a plan's target never begins with a dash.
export const go: ToolchainAdapter = {
  marks: ["go.mod", "go.work"],
  // Of a single main package, go would write the program into the tree.
  build: async (target) => ({
    program: "go",
    argv: ["go", "build", "-o", "/dev/null", "--", target || "./..."],
  }),
  test: async (target) => ({
    program: "go",
    // A cached result would tell about another room.
    argv: ["go", "test", "-json", "-count=1", target || "./..."],
    stdoutBytesMax: REPORT_BYTES_MAX,
    readReport: async ({ stdout }) => readGoReport(stdout),
    tailOf: ({ stdout, tail }) => goTail(stdout) || tail,
  }),
};
