import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRunLedger, type RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, eventsOf, stateOf } from "../helpers/driving.js";
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

const projectOf = async (more: { sandbox: boolean; path?: string; isolated?: boolean }) => {
  const shop = await sample({
    "agent.mjs": CURIOUS,
    "secret.txt": "in the commit",
    "runledger.yaml": `agents:
  coder:
    kind: command
    run: [node, agent.mjs]
    env: [DATA, CHECKOUT, WORKSPACES, PORT]
    sandbox: ${more.sandbox}
runLedger: { workspaceIsolation: ${more.isolated ?? true} }
`,
  });
  const env = {
    ...shop.env,
    ...(more.path === undefined ? {} : { PATH: more.path }),
    DATA: join(shop.place, "data"),
    CHECKOUT: shop.repo,
    WORKSPACES: join(shop.place, "state/runledger/workspaces"),
    PORT: "1",
  };
  return { shop, app: await openRunLedger({ projectDir: shop.repo, env }) };
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

  it("is not started in the user's own folder", async () => {
    const { shop, app } = await projectOf({ sandbox: true, isolated: false });
    const { runId } = await driven(app);
    const reasons = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload.reason] : [],
    );
    await app.close();
    expect(reasons[0]).toContain("cannot be sandboxed");
    expect(existsSync(join(shop.repo, "found.json"))).toBe(false);
  });
});

it("an agent that is to be sandboxed is never started where no sandbox can be made", async () => {
  const { shop, app } = await projectOf({ sandbox: true, path: "/nowhere" });
  const runId = await began(app, plan);
  await expect(app.drive(runId)).rejects.toMatchObject({
    code: "isolation_unmet",
    hint: expect.stringContaining("bubblewrap"),
  });
  const findings = await app.examine();
  await app.close();
  expect(findings).toContainEqual(expect.objectContaining({ check: "agent coder", status: "fail" }));
  expect(existsSync(join(shop.repo, "found.json"))).toBe(false);
});
