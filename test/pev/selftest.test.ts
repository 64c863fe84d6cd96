import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openRunLedger, type RunLedger, type SelftestOptions, type SelftestReport } from "../../src/index.js";
import { cheats } from "../../src/pev/selftest/cheats.js";
import { buggySum, FIXED_SUM, fingerprint, makeSample, onePlan, type Sample } from "../helpers/project.js";

const samples: Sample[] = [];
afterEach(async () => {
  for (const sample of samples.splice(0)) await sample.dispose();
});

const shop = { ...buggySum, "check.sh": "node test/sum.test.mjs\n", "notes.txt": "open\n" };

const open = async (files: Readonly<Record<string, string>> = shop): Promise<[Sample, RunLedger]> => {
  const sample = await makeSample(files);
  samples.push(sample);
  return [sample, await sample.open()];
};

const planWith = (validator: Readonly<Record<string, unknown>>, more: object = {}) =>
  onePlan({ validator, ...more });

/** What each submission came to, by its name. */
const outcomes = ({ validators: [first] }: SelftestReport): Record<string, string> =>
  Object.fromEntries(
    (first?.trials ?? []).map(({ submission, outcome, reason }) => [submission, reason ?? outcome]),
  );

const kinds = ({ findings }: SelftestReport) => findings.map(({ kind, submissions }) => [kind, submissions]);

const trying = async (
  validator: Readonly<Record<string, unknown>>,
  options: SelftestOptions = {},
  more = {},
) => {
  const [, app] = await open();
  return app.selftest(planWith(validator, more), options);
};

describe("a self-test", () => {
  it("finds nothing wrong with a test that fails now, and lets the solution pass", async () => {
    const [{ git, write, commit }, app] = await open();
    git("checkout", "--quiet", "-b", "done");
    await write({ "src/sum.mjs": FIXED_SUM });
    commit("done");
    git("checkout", "--quiet", "main");
    const report = await app.selftest(planWith({ type: "test_pass" }), { solutions: ["done"] });
    expect(report.findings).toEqual([]);
    expect(outcomes(report)).toEqual({
      "nothing changed": "check_failed",
      "reference solution": "ok",
      "exit 0 at import": "zero_tests",
      "forged output": "zero_tests",
      "report files": "check_failed",
      "deleted tests": "protected",
      "edited tests": "protected",
      "skipped tests": "protected",
      "only a new passing test": "check_failed",
      "runner configuration": "protected",
      "package.json scripts": "protected",
      "emptied Makefile": "not_applicable",
    });
  });

  it("leaves no trace: no events, no rooms, no refs, and the checkout as it was", async () => {
    const [{ repo, place }, app] = await open();
    const before = await fingerprint(repo);
    await app.selftest(planWith({ type: "test_pass" }));
    expect(await app.list({ limit: 10 })).toEqual([]);
    expect(await fingerprint(repo)).toEqual(before);
    expect(await readdir(join(place, "data", "places"))).toEqual([]);
    expect(await readdir(join(place, "data", "store.git", "refs"), { recursive: true })).not.toContainEqual(
      expect.stringContaining("run_"),
    );
    expect(await readdir(join(place, "data", "blobs")).catch(() => [])).toEqual([]);
  });

  it("calls a judge vacuous that passes on nothing, as a step and as a criterion", async () => {
    const [, app] = await open();
    const validator = { type: "command_pass", target: "true" };
    const plan = { ...planWith(validator), acceptance_criteria: [{ description: "well", validator }] };
    const { findings } = await app.selftest(plan);
    expect(findings.filter(({ kind }) => kind === "vacuous").map((finding) => finding.validator)).toEqual([
      "step sum",
      "criterion 1",
    ]);
  });

  it("says by what a judge can be gamed that only looks at an exit code", async () => {
    const report = await trying({ type: "command_pass", target: "sh check.sh" });
    expect(kinds(report)).toEqual([["gamed", ["exit 0 at import", "forged output"]]]);
    expect(outcomes(report)["program replaced by exit 0"]).toBe("protected");
    expect(report.findings[0]?.message).toBe(
      "Step sum (command_pass) can be gamed by: exit 0 at import, forged output.",
    );
  });

  it("leaves with the exit code that a command asks for", async () => {
    const command = {
      target: "node test/sum.test.mjs && exit 9 || exit 4",
      params: { expected_exit_code: 1 },
    };
    const report = await trying({ type: "command_pass", ...command });
    expect(report.findings).toEqual([]);
    const named = { target: "node src/sum.mjs; exit $?", params: { expected_exit_code: 7 } };
    expect(kinds(await trying({ type: "command_pass", ...named }))).toEqual([
      ["gamed", ["exit 0 at import", "forged output", "program replaced by exit 0"]],
    ]);
  });

  it("stubs what a judge looks for", async () => {
    const file = { type: "artifact_exists", target: "docs/a.md" };
    expect(kinds(await trying(file))).toEqual([["gamed", ["empty file", "blank file"]]]);
    const full = { ...file, params: { min_bytes: 10 } };
    expect(kinds(await trying(full))).toEqual([["gamed", ["blank file"]]]);
    const filled = { ...file, params: { contains: "# Shop" } };
    expect(kinds(await trying(filled))).toEqual([]);
    const command = { type: "command_pass", target: "test -s dist/out.txt" };
    expect(kinds(await trying(command))).toEqual([["gamed", ["blank file"]]]);
  });

  it("touches with whitespace what must differ, there or not", async () => {
    for (const target of ["notes.txt", "docs/**/*.md", "docs", "!docs", "src/**"])
      expect(kinds(await trying({ type: "file_changed", target }))).toEqual([["gamed", ["whitespace"]]]);
    const only = { may_change: { paths: ["src/**"], only: true } };
    expect(kinds(await trying({ type: "file_changed", target: "notes.txt" }, {}, only))).toEqual([]);
  });

  it("says when even a step's own tests are its to change", async () => {
    const report = await trying({ type: "test_pass" }, {}, { may_change: ["test/**"] });
    expect(kinds(report)).toEqual([["gamed", ["edited tests"]]]);
  });

  it("says when a solution is refused, and why", async () => {
    const [{ place }, app] = await open();
    await writeFile(join(place, "wrong.patch"), PATCH.replace("FIXED\n", "export const sum = () => 0;\n"));
    const { findings } = await app.selftest(planWith({ type: "test_pass" }), {
      solutions: ["../wrong.patch"],
    });
    expect(findings.map(({ kind, message }) => [kind, message])).toEqual([
      [
        "refuses_solution",
        expect.stringMatching(/^Step sum \(test_pass\) refuses the solution \[check_failed\]/),
      ],
    ]);
  });

  it("says when a judge could not run, and plants no cheats then", async () => {
    const [, app] = await open({ "a.txt": "a\n" });
    const unknown = await app.selftest(planWith({ type: "test_pass" }));
    expect(kinds(unknown)).toEqual([["errored", ["nothing changed"]]]);
    expect(Object.values(outcomes(unknown)).slice(1)).toEqual(
      cheatsOf("test_pass").map(() => "not_applicable"),
    );
  });

  it("asks no person", async () => {
    const report = await trying({ type: "orchestrator_approval" });
    expect(outcomes(report)).toEqual({ "nothing changed": "not_applicable" });
    expect(report.findings).toEqual([]);
  });
});

const cheatsOf = (type: "test_pass") => cheats.filter(({ against }) => against.has(type));

const PATCH = `diff --git a/src/sum.mjs b/src/sum.mjs
--- a/src/sum.mjs
+++ b/src/sum.mjs
@@ -1 +1 @@
-export const sum = (prices) => prices.length;
+FIXED
`;

describe("a reference solution", () => {
  const solved = async (solution: string, more: object = {}) => {
    const [{ place, write, commit, git }, app] = await open();
    await writeFile(join(place, "sum.patch"), PATCH.replace("FIXED\n", FIXED_SUM));
    git("worktree", "add", "--quiet", "-b", "done", "../tree");
    await writeFile(join(place, "tree", "src", "sum.mjs"), FIXED_SUM);
    git("-C", "../tree", "commit", "--quiet", "--all", "--message", "done");
    await write({ "notes.txt": "later\n" });
    commit("the base went on");
    const plan = planWith({ type: "test_pass" }, more);
    const { validators } = await app.selftest(plan, { solutions: [solution], steps: ["sum"] });
    const trial = validators[0]?.trials.find(({ kind }) => kind === "solution");
    return `${trial?.outcome}: ${trial?.reason}`;
  };

  it.each(["done", "done~1..done", "../sum.patch", "../tree", "sum=done"])(
    "may be given as %s",
    async (solution) => {
      expect(await solved(solution)).toBe("passed: ok");
    },
  );

  it("of the whole plan may change what any of its steps may", async () => {
    const [{ place, git }, app] = await open();
    git("worktree", "add", "--quiet", "-b", "done", "../tree");
    await writeFile(join(place, "tree", "src", "sum.mjs"), FIXED_SUM);
    const test = join(place, "tree", "test", "sum.test.mjs");
    await writeFile(test, `// Of prices.\n${buggySum["test/sum.test.mjs"]}`);
    const [first] = planWith({ type: "test_pass" }, { may_change: ["test/**"] }).steps;
    const [second] = planWith({ type: "test_pass" }).steps;
    const plan = { goal: "Two", steps: [{ ...first, id: "tests" }, second] };
    const ends = async (...solutions: string[]) =>
      (await app.selftest(plan, { solutions, steps: ["sum"] })).validators[0]?.trials[1]?.reason;
    expect(await ends("../tree")).toBe("ok");
    expect(await ends("sum=../tree")).toBe("protected");
  });

  it("is held to the leave of its step", async () => {
    expect(await solved("sum=done", { may_change: { paths: ["docs/**"], only: true } })).toBe(
      "failed: outside_may_change",
    );
  });

  it.each([
    ["main", "invalid_input", "changes nothing"],
    ["nowhere", "file_not_found", "no commit, branch, patch or folder"],
    ["../bad.patch", "invalid_input", "does not fit"],
  ])("%s is refused as %s", async (solution, code, message) => {
    const [{ place }, app] = await open();
    await writeFile(join(place, "bad.patch"), PATCH.replace("-export", "-nothing"));
    const plan = planWith({ type: "test_pass" });
    await expect(app.selftest(plan, { solutions: [solution] })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(await readdir(join(place, "data", "places"))).toEqual([]);
  });
});

describe("what cannot be tried", () => {
  it("is refused: an unknown step, a bad plan, a dirty checkout, no rooms", async () => {
    const [{ write, repo, env }, app] = await open();
    const plan = planWith({ type: "test_pass" });
    await expect(app.selftest(plan, { steps: ["nix"] })).rejects.toMatchObject({ code: "step_not_found" });
    await expect(app.selftest({ goal: "none" })).rejects.toMatchObject({ code: "validation_failed" });
    await write({ "src/sum.mjs": FIXED_SUM });
    await expect(app.selftest(plan)).rejects.toMatchObject({ code: "dirty_checkout" });
    expect(kinds(await app.selftest(plan, { includeUncommitted: true }))).toContainEqual([
      "vacuous",
      ["nothing changed"],
    ]);
    const refused = async (settings: string, code: string): Promise<void> => {
      await write({ "runledger.yaml": settings });
      const other = await openRunLedger({ projectDir: repo, env: { ...env, PATH: "/" } });
      await expect(other.selftest(plan)).rejects.toMatchObject({ code });
      await other.close();
    };
    await refused("runLedger: { workspaceIsolation: false }\n", "unsupported_repository");
    await refused("isolation: { minimum: 3, maximum: 3 }\n", "isolation_unmet");
  });

  it("is dropped when the caller goes", async () => {
    const [{ place }, app] = await open();
    const stop = new AbortController();
    const tell = () => stop.abort(new Error("enough"));
    const plan = planWith({ type: "test_pass" });
    await expect(app.selftest(plan, { signal: stop.signal, tell })).rejects.toThrow("enough");
    expect(await readdir(join(place, "data", "places"))).toEqual([]);
  });
});
