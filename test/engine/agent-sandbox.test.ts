import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRunLedger, type RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { answer, began, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { NO_SANDBOX } from "../helpers/isolation.js";
import type { Sample } from "../helpers/project.js";

/** Looks for what is none of its business, and writes down in its clone what it found. */
const CURIOUS = `
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
const tryTo = (work) => { try { return work() ?? "done"; } catch (error) { return error.code; } };
const task = JSON.parse(readFileSync(process.env.RUNLEDGER_TASK, "utf8"));
const found = {
  goal: task.goal,
  home: process.env.HOME,
  inHome: tryTo(() => writeFileSync(process.env.HOME + "/notes", "mine")),
  journal: tryTo(() => readdirSync(process.env.DATA).join()),
  checkout: tryTo(() => readFileSync(process.env.CHECKOUT + "/secret.txt", "utf8")),
  others: tryTo(() => readdirSync(process.env.WORKSPACES).filter((name) => !process.cwd().includes(name)).join()),
  told: tryTo(() => writeFileSync(process.env.RUNLEDGER_TASK, "{}")),
  beside: tryTo(() => writeFileSync(process.cwd() + "/../included.json", "{}")),
  program: tryTo(() => writeFileSync(process.argv[1], "")),
  pids: readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length,
};
const socket = connect(Number(process.env.PORT), "127.0.0.1");
socket.on("connect", () => end("reached")).on("error", (error) => end(error.code));
const end = (network) => { writeFileSync("found.json", JSON.stringify({ ...found, network })); process.exit(0); };
`;

type More = { readonly sandbox: boolean; readonly isolated?: boolean; readonly settings?: string };

const settingsOf = ({ sandbox, isolated = true, settings = "" }: More): string => `agents:
  coder:
    kind: command
    run: [node, agent.mjs]
    env: [DATA, CHECKOUT, WORKSPACES, PORT]
    sandbox: ${sandbox}
  plain: { kind: command, run: [touch, found.json] }
runLedger: { workspaceIsolation: ${isolated} }
${settings}`;

const projectOf = async (more: More & { readonly path?: string }) => {
  const shop = await sample({
    "agent.mjs": CURIOUS,
    "secret.txt": "in the commit",
    "runledger.yaml": settingsOf(more),
  });
  const env = {
    ...shop.env,
    ...(more.path === undefined ? {} : { PATH: more.path }),
    DATA: join(shop.place, "data"),
    CHECKOUT: shop.repo,
    WORKSPACES: join(shop.place, "state/runledger/workspaces"),
    PORT: "1",
  };
  return { shop, env, app: await openRunLedger({ projectDir: shop.repo, env }) };
};

const plan = planOfSteps(stepBy("one", "test -f found.json"));

const driven = async (app: RunLedger) => {
  const runId = await began(app, plan);
  const { run } = await app.drive(runId);
  return { runId, run };
};

/** What the agent found, from the verified commit. */
const foundBy = async (shop: Sample, app: RunLedger): Promise<Record<string, unknown>> => {
  const { runId, run } = await driven(app);
  expect(stateOf(run, "one")).toMatchObject({ how: "verified" });
  await app.apply(runId);
  return JSON.parse(readFileSync(join(shop.repo, "found.json"), "utf8"));
};

describe.skipIf(NO_SANDBOX)(`a sandboxed agent (${NO_SANDBOX || "bubblewrap"})`, () => {
  it("works in its clone, and finds neither journal nor checkout nor other clones nor the network", async () => {
    const { shop, app } = await projectOf({ sandbox: true });
    const found = await foundBy(shop, app);
    await app.close();
    expect(found).toMatchObject({
      goal: expect.any(String),
      home: expect.stringMatching(/workspaces.*\/home$/),
      inHome: "done",
      journal: "ENOENT",
      checkout: "ENOENT",
      others: "",
      told: "EROFS",
      program: "EROFS",
      network: "ECONNREFUSED",
    });
    expect(Number(found.pids)).toBeLessThan(5);
  });
});

/** Refused with what mends it, before any step is started. */
const expectRefusal = async (app: RunLedger, steps: unknown): Promise<void> => {
  const runId = await began(app, steps);
  const refusal = { code: "isolation_unmet", hint: expect.stringContaining("bubblewrap") };
  await expect(app.drive(runId)).rejects.toMatchObject(refusal);
  expect(await typesOf(app, runId)).not.toContain("step_started");
};

it("an agent that is to be sandboxed is never started where no sandbox can be made", async () => {
  const { shop, app } = await projectOf({ sandbox: true, path: "/nowhere" });
  await expectRefusal(app, plan);
  const findings = await app.examine();
  await app.close();
  expect(findings).toContainEqual(expect.objectContaining({ check: "agent coder", status: "fail" }));
  expect(existsSync(join(shop.repo, "found.json"))).toBe(false);
});

describe("a machine that cannot hold an agent as the settings ask", () => {
  it("is seen before anybody begins, whichever candidate is to be sandboxed", async () => {
    const { app } = await projectOf({ sandbox: true, path: "/nowhere" });
    const race = stepBy("one", "test -f found.json", {
      owner_agent: "plain",
      candidates: ["plain", "coder"],
    });
    await expectRefusal(app, planOfSteps(race));
    await app.close();
  });

  it("is seen when a step was handed to one that is to be sandboxed", async () => {
    const { app } = await projectOf({ sandbox: true, path: "/nowhere" });
    const runId = await began(
      app,
      planOfSteps(stepBy("one", "true", { owner_agent: "plain", max_retries: 0 })),
    );
    expect((await app.drive(runId)).run.state.status).toBe("paused");
    await say(app, runId, answer("one", { action: "change_agent", newAgent: "coder" }));
    await say(app, runId, resume);
    const before = await typesOf(app, runId);
    await expect(app.drive(runId)).rejects.toMatchObject({ code: "isolation_unmet" });
    expect(await typesOf(app, runId)).toEqual(before);
    await app.close();
  });

  it("costs no attempt: it is gone on with when that is mended", async () => {
    const { shop, env, app } = await projectOf({ sandbox: true, isolated: false });
    const runId = await began(app, plan);
    const refusal = { code: "isolation_unmet", message: expect.stringContaining("sandbox") };
    for (const _drive of [1, 2]) await expect(app.drive(runId)).rejects.toMatchObject(refusal);
    expect(await typesOf(app, runId)).not.toContain("step_interrupted");
    expect(existsSync(join(shop.repo, "found.json"))).toBe(false);
    await app.close();
    await shop.write({ "runledger.yaml": settingsOf({ sandbox: false, isolated: false }) });
    const mended = await openRunLedger({ projectDir: shop.repo, env });
    const { run } = await mended.drive(runId);
    await mended.close();
    expect(run.steps[0]).toMatchObject({ attempt: 1, retryCount: 0, state: { how: "verified" } });
  });

  it("costs no attempt when it cannot hold the set-up of its clone", async () => {
    const { shop, env, app } = await projectOf({ sandbox: false });
    const runId = await began(app, plan);
    await app.close();
    const settings = "isolation: { minimum: 2, maximum: 1 }\nworkspace: { setup: [['true']] }\n";
    await shop.write({ "runledger.yaml": settingsOf({ sandbox: false, settings }) });
    const raised = await openRunLedger({ projectDir: shop.repo, env });
    await expect(raised.drive(runId)).rejects.toMatchObject({ code: "isolation_unmet" });
    expect(await typesOf(raised, runId)).not.toContain("step_started");
    await raised.close();
  });
});
