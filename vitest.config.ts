import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";

/** One plain line at the end, for whoever reads the log of a machine. */
const closingLine: Reporter = {
  onTestRunEnd: (modules) => {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state] += 1;
      // A file that does not load has no tests to count.
      if (module.state() === "failed" && tests.every((test) => test.result().state !== "failed"))
        count.failed += 1;
    }
    console.log(`${count.passed} passed, ${count.failed + count.pending} failed, ${count.skipped} skipped`);
  },
};

/** A test that never lets go of its process outlives every time limit of its own: whoever ends the whole is told which file it was. */
const whoRunsStill = (): Reporter => {
  const running = new Set<string>();
  process.once("SIGTERM", () => {
    console.log(`Ended from outside. Not done: ${[...running].sort().join(", ")}`);
    process.exit(143);
  });
  return {
    onTestModuleStart: ({ relativeModuleId }) => void running.add(relativeModuleId),
    onTestModuleEnd: ({ relativeModuleId }) => void running.delete(relativeModuleId),
  };
};

/**
 * Validators against every cheat, whole projects of other languages, runs driven to their ends, processes killed and raced, bombs of every kind, real shells and
 * terminals, every command at every kind of output, every setting: minutes, so they run apart (`npm run test:slow`).
 */
const SLOW = [
  "test/faults/clock-processes.test.ts",
  "test/engine/{agent-sandbox,checkpoints,children,command-agent,crash,effect-command,effects-ended,effects-list,family,family-looks,fork-effects,host,keeping,killed,losers,metrics,notify,notify-killed,parallel,pruning,race,receipts,schedules,sealed-runs,stopping,subprocess,trouble,waiting,worker}.test.ts",
  "test/engine/tracked/{attacks,kept,killed,taken-out}.test.ts",
  "test/engine/gate/{brought,killed,tellable}.test.ts",
  "test/engine/llm/{agent,compacting,crash,ledger,planning}.test.ts",
  "test/pev/{capture,checkout,rooms-ahead,sandbox,secret-files,selftest,setup-cache,sparse,worktree-include}.test.ts",
  "test/pev/walls/{verdicts,walls}.test.ts",
  "test/rollout/{kills,markdown-board,mirrored-runs,workload}.test.ts",
  "test/settings/{consumers,json-schema}.test.ts",
  "test/tools/{access,ai-sdk,execution,idempotency,inputs}.test.ts",
  "test/stores/{processes,rotation-kills,sealing-together}.test.ts",
  "test/ui/cli/{about,act,bundle,checkpoints,completion,effects,errors,housekeeping,intents,receipts,rollout,run,selftest,terminal,verify}.test.ts",
  "test/conformance/conformance.test.ts",
  "test/kept/*.test.ts",
  "test/ui/http/{api,serve}.test.ts",
  "test/ui/mcp/{ledger-side,stdio}.test.ts",
  "test/ui/tui/settings/screens.test.ts",
  "test/ui/tui/**/{acting,terminal,tmux}.test.ts",
  "test/scenarios/{cheats-judges,failure-scenes,gate-story,goal,held-out,honest-agents,planted-git,secrets,toolchains}.test.ts",
  "test/validators/test_pass.test.ts",
  "test/validators/tests/*.test.ts",
  "test/validators/toolchains/*.test.ts",
];
/**
 * Kills, loads, attacks, bad input by the thousand, projects of others: a slice with the slow tests, all of it with `npm run test:full`.
 * Clients of others too: they wait there for a judge of minutes.
 */
const SWEEPS = [
  "test/clients/*.test.ts",
  "test/faults/{children,effects,failed-writes,kill-points,killed-turns,long-run,power-loss}.test.ts",
  "test/pev/selftest-languages.test.ts",
  "test/scenarios/real-projects.test.ts",
  "test/sweeps/**/*.test.ts",
  "test/attacks/**/*.test.ts",
  "test/ui/cli/printing.test.ts",
];
/** Small enough for every run but for those above, and some far larger with `npm run test:full`. */
const IN_BOTH = ["test/faults/*.test.ts"];
const slow = process.env.RUNLEDGER_SLOW_TESTS === "1";
const full = process.env.RUNLEDGER_FULL_TESTS === "1";

export default defineConfig({
  test: {
    include: full ? [...SWEEPS, ...IN_BOTH] : slow ? [...SLOW, ...SWEEPS] : ["test/**/*.test.ts"],
    // Some tests have programs of others beside them.
    exclude: ["**/node_modules/**", ...(full || slow ? [] : [...SLOW, ...SWEEPS])],
    reporters: ["default", closingLine, whoRunsStill()],
    // The first Go room fills a cache, which takes half a minute on a busy machine.
    testTimeout: slow ? 180_000 : 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    // One more than the machines of CI have cores: a test waits for disks and for programs it has started as often as it computes.
    maxWorkers: 3,
  },
});
