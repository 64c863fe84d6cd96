import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { branchesOf } from "../../../src/ui/cli/tree.js";
import { type Desk, openDesk, planOf, shapeOf, shop, step } from "../../helpers/cli.js";
import { jsonPage } from "../../helpers/json-page.js";
import { ErrorLine, jsonShapes } from "../../helpers/json-shapes.js";
import { idleTree } from "../../helpers/tree.js";

/** Names and kinds of fields are a promise to programs: a change here is one for the changelog and `schemaVersion`. */

let desk: Desk;
/** Runs of every fate, by name. */
const runs: Record<string, string> = {};
beforeAll(async () => {
  desk = await openDesk(shop);
  const criterion = {
    description: "it is there",
    validator: { type: "command_pass", target: "cat out/a.txt" },
  };
  const approval = { validator: { type: "orchestrator_approval" } };
  const plans: Record<string, readonly [steps: readonly object[], more?: object]> = {
    done: [[step("a", "maker")], { acceptance_criteria: [criterion] }],
    stuck: [[step("a", "liar")]],
    broken: [[step("a", "breaker")]],
    asked: [[step("a", "maker", approval)]],
    denied: [[step("a", "maker", approval)]],
    loud: [[step("a", "maker", { validator: { type: "command_pass", target: "echo seen; exit 3" } })]],
    fresh: [[step("a", "maker")]],
  };
  for (const [name, [steps, more = {}]] of Object.entries(plans)) {
    const words = name === "fresh" ? ["--no-drive"] : [];
    const plan = await planOf(desk, `${name}.json`, steps, { ...more });
    runs[name] = (await desk.type("run", plan, ...words)).out.trim();
  }
  await desk.type("note", run("done"), "reviewed", "by ada");
});
afterAll(() => desk.dispose());

const run = (name: string): string => runs[name] ?? "";
const place = (file: string): string => join(desk.place, file);

/**
 * Lines to type for each command, in this order, since some change what others see. `only` compares names and kinds of
 * fields where the values are those of the machine.
 */
const SCENES: Readonly<
  Record<string, { readonly lines: readonly (() => readonly string[])[]; readonly only?: "shape" }>
> = {
  init: { lines: [() => []] },
  list: { lines: [() => ["--limit", "50"], () => ["--status", "failed"]] },
  show: { lines: ["done", "stuck", "broken", "asked", "fresh"].map((name) => () => [run(name)]) },
  why: { lines: ["done", "stuck", "asked", "fresh"].map((name) => () => [run(name)]) },
  journal: { lines: ["done", "stuck", "broken"].map((name) => () => [run(name)]) },
  logs: { lines: [() => [run("loud"), "a"], () => [run("broken"), "a"]] },
  status: { lines: [() => []] },
  patch: { lines: [() => [run("done")], () => [run("done"), "-o", place("patches")], () => [run("stuck")]] },
  run: {
    lines: [
      () => [place("done.json")],
      () => [place("stuck.json")],
      () => [place("done.json"), "--no-drive"],
    ],
  },
  resume: { lines: [() => [run("fresh")]] },
  approve: { lines: [() => [run("asked")]] },
  deny: { lines: [() => [run("denied"), "--reason", "no"]] },
  policy: {
    lines: [
      () => [run("stuck"), "a", "change_agent", "--agent", "maker", "--reason", "let maker try"],
      () => [run("broken"), "a", "skip", "--reason", "not needed"],
    ],
  },
  note: {
    lines: [() => [run("done"), "reviewed"], () => [run("done"), "none"], () => [run("done"), "n", "v"]],
  },
  pause: { lines: [() => [run("stuck")]] },
  cancel: { lines: [() => [run("stuck")]] },
  fork: { lines: [() => [run("done")]] },
  worker: { lines: [() => ["--once"]] },
  apply: { lines: [() => [run("done")], () => [run("done")]] },
  "config get": { lines: [() => ["maxParallelSteps"], () => ["protect"]] },
  "config set": { lines: [() => ["maxParallelSteps", "3"]] },
  "config list": { lines: [() => []], only: "shape" },
  doctor: { lines: [() => []], only: "shape" },
  export: { lines: [() => [run("done"), "-o", place("run.jsonl")]] },
  import: { lines: [() => [place("run.jsonl")]] },
  prune: { lines: [() => ["--dry-run", "--keep", "0"]] },
  gc: { lines: [() => ["--dry-run"], () => []] },
  completion: { lines: [() => ["fish"]], only: "shape" },
};

describe("every command", () => {
  it("says what its JSON is, and has a scene that shows it", () => {
    const paths = branchesOf(idleTree())
      .map(({ path }) => path)
      .filter((path) => path !== "");
    expect(Object.keys(jsonShapes).sort()).toEqual([...paths].sort());
    const speaking = Object.entries(jsonShapes).filter(([, { kind }]) => kind !== "text");
    expect(Object.keys(SCENES).sort()).toEqual(speaking.map(([path]) => path).sort());
  });

  it.each(Object.keys(SCENES))("%s answers as documented", async (path) => {
    const { lines, only } = SCENES[path] ?? { lines: [] };
    for (const words of lines) {
      const { out, err } = await desk.type(...path.split(" "), ...words(), "--json");
      const answers = out
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as object);
      expect(err.split("\n").filter((line) => line.includes('"type":"error"'))).toEqual([]);
      expect(misfits(path, answers)).toEqual([]);
      expect(
        answers.map((answer) => (only === "shape" ? shapeOf(answer) : normal(answer))),
      ).toMatchSnapshot();
    }
  });

  it("is found out when a field is missing, new, or of another kind", async () => {
    const good = (await desk.json("why", run("done"))) as Record<string, unknown>;
    expect(misfits("why", [good])).toEqual([]);
    const { sentence: _, ...less } = good;
    for (const bad of [
      less,
      { ...good, more: 1 },
      { ...good, status: "done" },
      { ...good, schemaVersion: 2 },
    ])
      expect(misfits("why", [bad])).toHaveLength(1);
    expect(misfits("run", [good])).toHaveLength(1);
  });
});

/** What of an answer its documentation does not tell. */
const misfits = (path: string, answers: readonly object[]): readonly string[] => {
  const shape = jsonShapes[path];
  if (shape === undefined || shape.kind === "text") return [`${path} has no shape`];
  if (shape.kind === "document" && answers.length !== 1) return [`${answers.length} documents`];
  return answers.flatMap((answer, at) => {
    const isLast = shape.kind === "lines" && shape.last !== undefined && at === answers.length - 1;
    const { error } = (isLast ? shape.last : shape.schema).safeParse(answer);
    return error === undefined ? [] : [z.prettifyError(error)];
  });
};

/** Fields whose numbers differ from machine to machine and from time to time. */
const VARYING = new Set(["durationMs", "blobBytes", "storeBytes"]);

const normal = (answer: object): unknown =>
  JSON.parse(JSON.stringify(answer), (key: string, value: unknown) => {
    if (VARYING.has(key) && typeof value === "number") return 0;
    if (key === "ledgerId") return "LEDGER";
    if (typeof value !== "string") return value;
    return desk.masked(value).replace(/^Date: .*$/m, "Date: TIME");
  });

describe("a failure", () => {
  it.each([
    ["a usage error", ["shwo"]],
    ["a run that is not there", ["show", "nowhere"]],
    ["a plan with defects", ["run", "bad.json"]],
    ["something refused", ["pause", "last"]],
  ])("such as %s is one line on stderr, as documented", async (_what, argv) => {
    await planOf(desk, "repo/bad.json", [{ id: "a b" }]);
    if (argv[0] === "pause") await desk.type("cancel", "last");
    const { out, err } = await desk.type(...argv, "--json");
    expect(out).toBe("");
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    const line = ErrorLine.safeParse(JSON.parse(err));
    expect(line.error).toBeUndefined();
    expect(normal(JSON.parse(err))).toMatchSnapshot();
  });
});

it("docs/json.md tells these shapes (npx vitest run test/ui/cli/json.test.ts -u writes it)", async () => {
  await expect(jsonPage()).toMatchFileSnapshot("../../../docs/json.md");
});
