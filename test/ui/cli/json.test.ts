import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { branchesOf } from "../../../src/ui/cli/tree.js";
import { type Desk, planOf, shapeOf } from "../../helpers/cli.js";
import { jsonPage } from "../../helpers/json-page.js";
import { ErrorLine, jsonShapes } from "../../helpers/json-shapes.js";
import { endOf, openStage, type Stage, scenes } from "../../helpers/scenes.js";
import { idleTree } from "../../helpers/tree.js";

/** Names and kinds of fields are a promise to programs: a change here is one for the changelog and `schemaVersion`. */

let stage: Stage;
let desk: Desk;
beforeAll(async () => {
  stage = await openStage();
  desk = stage.desk;
});
afterAll(() => desk.dispose());

const spoken = Object.entries(jsonShapes)
  .filter(([, { kind }]) => kind !== "text")
  .map(([path]) => path);
/** In an order in which they can be carried out. */
const speaking = Object.keys(scenes).filter((path) => spoken.includes(path));

describe("every command", () => {
  it("says what its JSON is, and has a scene that shows it", () => {
    const paths = branchesOf(idleTree())
      .map(({ path }) => path)
      .filter((path) => path !== "");
    expect(Object.keys(jsonShapes).sort()).toEqual([...paths].sort());
    expect([...speaking].sort()).toEqual([...spoken].sort());
  });

  it.each(speaking)("%s answers as documented", async (path) => {
    const { lines, ofMachine } = scenes[path] ?? { lines: [] };
    for (const words of lines) {
      const { out, err } = await desk.typeWith(endOf(path), ...path.split(" "), ...words(stage), "--json");
      const answers = out
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as object);
      expect(err.split("\n").filter((line) => line.includes('"type":"error"'))).toEqual([]);
      expect(misfits(path, answers)).toEqual([]);
      expect(
        answers.map((answer) => (ofMachine === true ? shapeOf(answer) : normal(answer))),
      ).toMatchSnapshot();
    }
  });

  it("is found out when a field is missing, new, or of another kind", async () => {
    const good = (await desk.json("why", stage.run("done"))) as Record<string, unknown>;
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
const VARYING = new Set(["wakeAt", "durationMs", "blobBytes", "bytes", "storeBytes", "position"]);

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
