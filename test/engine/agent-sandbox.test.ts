import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openRunLedger, type RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { answer, began, resume, say, typesOf } from "../helpers/driving.js";
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
  beside: tryTo(() => writeFileSync(process.cwd() + "/../beside.json", "{}")),
  program: tryTo(() => writeFileSync(process.argv[1], readFileSync(process.argv[1]))),
  pids: readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length,
};
const socket = connect(Number(process.env.PORT), "127.0.0.1");
socket.on("connect", () => end("reached")).on("error", (error) => end(error.code));
const end = (network) => { writeFileSync("found.json", JSON.stringify({ ...found, network })); process.exit(0); };
`;

/** The workspace of another run. */
const OTHERS = "another-run";

/** A port of this machine where somebody answers. */
const listening = async (): Promise<number> => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
};

const workspacesOf = ({ place }: Sample): string => join(place, "state/runledger/workspaces");

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
    WORKSPACES: workspacesOf(shop),
    PORT: String(await listening()),
  };
  mkdirSync(join(env.WORKSPACES, OTHERS), { recursive: true });
  return { shop, env, app: await openRunLedger({ projectDir: shop.repo, env }) };
};

const plan = planOfSteps(stepBy("one", "test -f found.json"));

/** Judged as failed, so that the workspace stays as the agent left it. */
const refused = planOfSteps(stepBy("one", "false", { max_retries: 0 }));

/** What the agent found, and whether what it wrote beside its clone lies there: in a sandbox, that may be a folder of its own. */
const foundBy = async (shop: Sample, app: RunLedger): Promise<Record<string, unknown>> => {
  await app.drive(await began(app, refused));
  const places = workspacesOf(shop);
  const [place = ""] = readdirSync(places).filter((name) => existsSync(join(places, name, "work")));
  const found = JSON.parse(readFileSync(join(places, place, "work/found.json"), "utf8"));
  return { ...found, beside: existsSync(join(places, place, "beside.json")) };
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
      beside: false,
      program: "EROFS",
      network: "ECONNREFUSED",
    });
    expect(Number(found.pids)).toBeLessThan(5);
  });
});

it("an agent without a sandbox finds all that, so that finding nothing tells something", async () => {
  const { shop, app } = await projectOf({ sandbox: false });
  const found = await foundBy(shop, app);
  await app.close();
  expect(found).toMatchObject({
    inHome: "done",
    journal: expect.stringContaining("store.git"),
    checkout: "in the commit",
    others: expect.stringContaining(OTHERS),
    told: "done",
    beside: true,
    program: "done",
    network: "reached",
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
