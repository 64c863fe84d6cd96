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
  const [liar] = all.filter(([, { forged }]) => forged !== undefined);
  return {
    ...(liar === undefined ? {} : { contradiction: `By its report, package ${liar[0]} ${liar[1].forged}.` }),
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
  /** What the code under test must have printed itself: go tells each test once, between its beginning and its end. */
  forged: string | undefined;
};

const ends = new Set(["pass", "fail", "skip"]);

const follow = (event: GoEvent, packages: Map<string, GoPackage>): void => {
  const { Action: action, Package: name, Test: test } = event;
  if (name === undefined || action === undefined) return;
  const state: GoPackage = packages.get(name) ?? {
    end: undefined,
    saidLastWord: false,
    buildFailed: false,
    tests: new Map(),
    forged: undefined,
  };
  packages.set(name, state);
  state.forged ??= forgeryIn(event, state);
  if (/(PASS|FAIL)\n$/.test(event.Output ?? "")) state.saidLastWord = true;
  if (test !== undefined && action === "run" && !state.tests.has(test)) state.tests.set(test, undefined);
  if (!ends.has(action)) return;
  if (test !== undefined) state.tests.set(test, worse(state.tests.get(test), action));
  else Object.assign(state, { end: action, buildFailed: event.FailedBuild !== undefined });
};

const forgeryIn = ({ Action: action = "", Test: test }: GoEvent, state: GoPackage): string | undefined => {
  if (state.end !== undefined) return "was told of after its end";
  if (test === undefined) return undefined;
  const known = state.tests.has(test);
  if (action === "run") return known ? `began ${test} twice` : undefined;
  if (!ends.has(action)) return undefined;
  if (!known) return `ended ${test}, which had not begun`;
  return state.tests.get(test) === undefined ? undefined : `ended ${test} twice`;
};

/** A test that failed once has failed. */
const worse = (before: string | undefined, now: string): string => (before === "fail" ? before : now);

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
