import { TAIL_BYTES } from "../../src/core/limits.js";
import { isRecord, parseJson, type TestCase, type TestReport } from "./report.js";

type GoEvent = {
  readonly Action?: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
  readonly FailedBuild?: string;
};

/** What `go test -json` prints. Undefined when a package did not end, or ended without the last word of its tests. */
export const readGoReport = (stdout: string): TestReport | undefined => {
  const packages = new Map<string, GoPackage>();
  for (const event of eventsOf(stdout)) follow(event, packages);
  const all = [...packages.entries()];
  if (all.length === 0 || !all.every(([, state]) => isComplete(state))) return undefined;
  return {
    tests: all.flatMap(([name, state]) => [...state.tests].map(([test, end]) => caseOf(name, test, end))),
    brokenFiles: all.filter(([, state]) => state.buildFailed).map(([name]) => name),
  };
};

// People read the verdict's tail, so it shows what the failed tests printed and not the events around it.
export const goTail = (stdout: string): string => {
  const events = [...eventsOf(stdout)];
  const failedTests = new Set(events.filter(({ Action }) => Action === "fail").map(keyOf));
  const shown = events.filter((event) => event.Test === undefined || failedTests.has(keyOf(event)));
  const text = Buffer.from(shown.map(({ Output }) => Output ?? "").join(""));
  if (text.length <= TAIL_BYTES) return text.toString();
  const cut = text.subarray(text.length - TAIL_BYTES).toString();
  return cut.slice(cut.indexOf("\n") + 1);
};

type GoPackage = {
  end: string | undefined;
  /** The test binary says PASS or FAIL as its last word; one that left early does not. */
  saidLastWord: boolean;
  buildFailed: boolean;
  /** How each test ended; undefined while it runs. */
  readonly tests: Map<string, string | undefined>;
};

const ends = new Set(["pass", "fail", "skip"]);

const follow = (event: GoEvent, packages: Map<string, GoPackage>): void => {
  const { Action: action, Package: name, Test: test } = event;
  if (name === undefined || action === undefined) return;
  const state = packages.get(name) ?? {
    end: undefined,
    saidLastWord: false,
    buildFailed: false,
    tests: new Map(),
  };
  packages.set(name, state);
  if (/(PASS|FAIL)\n$/.test(event.Output ?? "")) state.saidLastWord = true;
  if (test !== undefined && action === "run") state.tests.set(test, undefined);
  if (!ends.has(action)) return;
  if (test !== undefined) state.tests.set(test, action);
  else Object.assign(state, { end: action, buildFailed: event.FailedBuild !== undefined });
};

const isComplete = ({ end, saidLastWord }: GoPackage): boolean =>
  end === "fail" || end === "skip" || (end === "pass" && saidLastWord);

/** A test that ran and never ended did not pass, whatever its package says. */
const caseOf = (name: string, test: string, end: string | undefined): TestCase => ({
  id: `${name} ${test}`,
  file: name,
  outcome: end === "pass" ? "passed" : end === "skip" ? "skipped" : "failed",
});

const keyOf = ({ Package, Test }: GoEvent): string => `${Package} ${Test}`;

function* eventsOf(stdout: string): Generator<GoEvent> {
  for (const line of stdout.split("\n")) {
    const event = line.startsWith("{") ? parseJson(line) : undefined;
    if (isRecord(event)) yield event;
  }
}
