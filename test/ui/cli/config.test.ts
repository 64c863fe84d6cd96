import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { settingsJsonSchema } from "../../../src/settings/keys.js";
import { CAST, type Desk, openDesk } from "../../helpers/cli.js";

const desks: Desk[] = [];
const open = async (yaml = CAST): Promise<Desk> => {
  const desk = await openDesk({ "runledger.yaml": yaml });
  desks.push(desk);
  return desk;
};
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.dispose();
});

const fileOf = (desk: Desk) => join(desk.repo, "runledger.yaml");
const userFileOf = (desk: Desk) => join(desk.place, "config", "runledger", "config.yaml");
const originOf = async (desk: Desk, key: string, env = {}) => {
  const { out } = await desk.typeWith({ env }, "config", "list", "--show-origin", "--json");
  const { settings } = JSON.parse(out) as { settings: { key: string; value: unknown; origin: string }[] };
  const row = settings.find((one) => one.key === key);
  return [row?.value, desk.masked(row?.origin ?? "")];
};

describe("layers", () => {
  it("are told for every place: default, user, project, environment", async () => {
    const desk = await open();
    expect(await originOf(desk, "leaseTtl")).toEqual(["30s", "default"]);
    const set = await desk.type("config", "set", "leaseTtl", "40s", "--user");
    expect([set.code, desk.masked(set.err)]).toEqual([
      0,
      "leaseTtl = 40s  (PLACE/config/runledger/config.yaml)\n",
    ]);
    expect(await originOf(desk, "leaseTtl")).toEqual(["40s", "user PLACE/config/runledger/config.yaml"]);
    await desk.type("config", "set", "leaseTtl", "50s");
    expect(await originOf(desk, "leaseTtl")).toEqual(["50s", "project PLACE/repo/runledger.yaml"]);
    const env = { RUNLEDGER_SET_leaseTtl: "1m" };
    expect(await originOf(desk, "leaseTtl", env)).toEqual(["1m", "env RUNLEDGER_SET_leaseTtl"]);
    const hidden = await desk.typeWith({ env }, "config", "set", "leaseTtl", "9s");
    expect(desk.masked(hidden.err)).toBe(
      "leaseTtl = 1m  (PLACE/repo/runledger.yaml)\nWhat counts is env RUNLEDGER_SET_leaseTtl: it lies above that file.\n",
    );
    expect(await readFile(fileOf(desk), "utf8")).toContain("leaseTtl: 9s");
    expect(await readFile(userFileOf(desk), "utf8")).toBe("leaseTtl: 40s\n");
  });

  it("are uncovered by unset, one after the other", async () => {
    const desk = await open("# why\nleaseTtl: 50s\nmaxParallelSteps: 2 # two\n");
    await desk.type("config", "set", "leaseTtl", "40s", "--user");
    const project = await desk.type("config", "unset", "leaseTtl");
    expect(desk.masked(project.err)).toBe("leaseTtl = 40s  (left out of PLACE/repo/runledger.yaml)\n");
    expect(await readFile(fileOf(desk), "utf8")).toBe("# why\nmaxParallelSteps: 2 # two\n");
    expect(await desk.json("config", "unset", "leaseTtl", "--user")).toEqual({
      schemaVersion: 1,
      key: "leaseTtl",
      value: "30s",
      file: userFileOf(desk),
    });
    const again = await desk.type("config", "unset", "leaseTtl");
    expect([again.code, desk.masked(again.err)]).toEqual([
      0,
      "leaseTtl = 30s  (was not in PLACE/repo/runledger.yaml)\n",
    ]);
    const unknown = await desk.type("config", "unset", "leaseTtk");
    expect([unknown.code, unknown.err]).toEqual([
      2,
      'error [unknown_key]: There is no setting "leaseTtk".\nhint: Did you mean "leaseTtl"?\n',
    ]);
  });

  it("unset takes an agent whole, and what nobody knows", async () => {
    const desk = await open(`${CAST}typo: 1\n`);
    expect((await desk.type("config", "list")).code).toBe(2);
    expect((await desk.type("config", "unset", "typo")).code).toBe(0);
    const gone = await desk.type("config", "unset", "agents.liar");
    expect(desk.masked(gone.err)).toBe("agents.liar is gone  (left out of PLACE/repo/runledger.yaml)\n");
    expect((await desk.type("config", "get", "agents.liar.run")).code).toBe(2);
    expect((await desk.type("config", "get", "agents.maker.run")).code).toBe(0);
  });
});

describe("config schema", () => {
  it("prints what editors read", async () => {
    const desk = await open();
    const { code, out } = await desk.type("config", "schema");
    expect([code, JSON.parse(out)]).toEqual([0, settingsJsonSchema()]);
    expect((await desk.type("config", "schema", "--json")).out.split("\n")).toHaveLength(2);
  });

  it("is named in the file that init writes, where the project has the package", async () => {
    const desk = await openDesk({ "README.md": "" });
    desks.push(desk);
    const schema = "node_modules/runledger/dist/settings.schema.json";
    await mkdir(dirname(join(desk.repo, schema)), { recursive: true });
    await writeFile(join(desk.repo, schema), (await desk.type("config", "schema")).out);
    await desk.type("init");
    const [first] = (await readFile(fileOf(desk), "utf8")).split("\n");
    expect(first).toBe(`# yaml-language-server: $schema=${schema}`);
    expect((await desk.type("config", "list")).code).toBe(0);
  });
});

describe("config migrate", () => {
  const OLD =
    "# bot\n\nrunLedger:\n  staleTtl: 7200000000000 # two\n  plannerMaxRetries: 2\ngateway: { port: 1 }\n";

  it("is named by whatever cannot read the file, says what it would do, and does it", async () => {
    const desk = await open(OLD);
    const list = await desk.type("list");
    expect(list.err).toMatch(/hint: .*: runledger config migrate\n$/);
    const dry = await desk.type("config", "migrate", "--dry-run");
    expect([dry.code, dry.out, dry.err]).toEqual([
      0,
      "runLedger.staleTtl 7200000000000 nanoseconds are 2h\n",
      "Not RunLedger's, and left out with --leave-out-others: gateway.\n" +
        "Nothing was written: that was a dry run.\n",
    ]);
    const refused = await desk.type("config", "migrate");
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/hint: Say --leave-out-others/)]);
    expect(await readFile(fileOf(desk), "utf8")).toBe(OLD);
    const done = await desk.type("config", "migrate", "--leave-out-others");
    expect([done.code, desk.masked(done.err)]).toEqual([
      0,
      "PLACE/repo/runledger.yaml is of today; the old text is in PLACE/data/settings-before/runledger.yaml.1.\n",
    ]);
    expect(await readFile(fileOf(desk), "utf8")).toBe(
      "# bot\n\nrunLedger:\n  staleTtl: 2h # two\n  plannerMaxRetries: 2\n",
    );
    const { moved, ...again } = await desk.json("config", "migrate");
    expect([moved, again]).toEqual([
      [],
      { schemaVersion: 1, file: fileOf(desk), dryRun: false, others: [], backup: null },
    ]);
    expect((await desk.type("list")).code).toBe(0);
  });
});
