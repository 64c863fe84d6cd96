import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sample, stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { eventually, lives } from "../helpers/driving.js";
import { NO_SANDBOX } from "../helpers/isolation.js";
import { spokenBy } from "../helpers/stage.js";

let built: ReturnType<typeof buildPackage>;
/** As long as the compiler takes where much else is at work. */
const BUILD_MS = 300_000;
beforeAll(() => {
  built = buildPackage();
}, BUILD_MS);
afterAll(() => built.remove());

const STAND_IN = readFileSync(
  fileURLToPath(new URL("../helpers/stand-in-client.mjs", import.meta.url)),
  "utf8",
);
/** A program of the project that is started as `claude` is, with this to do. */
const agentText = (script: string) => `${STAND_IN}
import { writeFileSync, appendFileSync } from "node:fs";
const { RUNLEDGER_ATTEMPT: attempt, PLACE: place, OUTSIDE: outside } = process.env;
${script}
`;

type More = { readonly agent?: string; readonly step?: Readonly<Record<string, unknown>> };

const projectOf = async (script: string, { agent = "", step = {} }: More = {}) => {
  const shop = await sample({
    "runledger.yaml": `agents:\n  coder: { kind: subprocess, preset: claude, run: [node, agent.mjs], env: [PLACE]${agent} }\nisolation: { maximum: 1 }\n`,
    "agent.mjs": agentText(script),
    "plan.json": JSON.stringify({ goal: "ship it", steps: [stepBy("a", "test -f made.txt", step)] }),
  });
  const begun: ChildProcess[] = [];
  const start = (...words: string[]): ChildProcess => {
    const env = { ...shop.env, PLACE: shop.place };
    const child = spawn(process.execPath, [built.bin, ...words], {
      ...{ cwd: shop.repo, env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    begun.push(child);
    return child;
  };
  const type = (...words: string[]) => spokenBy(start(...words));
  return {
    shop,
    start,
    type,
    json: async (...words: string[]) =>
      JSON.parse((await type(...words, "--json")).out.trimEnd().split("\n").at(-1) ?? ""),
    events: async (kind: string) =>
      (await type("journal", "last", "--json")).out
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .filter(({ type: of }: { type: string }) => of === kind),
    said: (name: string): string =>
      existsSync(join(shop.place, name)) ? readFileSync(join(shop.place, name), "utf8") : "",
  };
};

const MADE = 'writeFileSync("made.txt", "made\\n");';
const CLAIM = `const server = connect();
console.log(await server.call("run_propose_step_result", { result: "made it" }));
server.close();`;

describe("an agent of kind subprocess", () => {
  it("works with its prompt, server and credential; what it claims is judged when it has ended", async () => {
    const { type, events, said } = await projectOf(`
      const server = connect();
      const out = (line) => appendFileSync(place + "/said", line + "\\n");
      out((await server.tools()).join());
      out(await server.call("run_start_step"));
      if (attempt === "2") { ${MADE} }
      out(await server.call("run_propose_step_result", { result: "made it in " + attempt }));
      if (attempt === "1") out(prompt);
      server.close();`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    const text = said("said");
    expect(text).toContain("run_start_step,run_propose_step_result");
    expect(text).not.toContain("run_create");
    expect(text).toMatch(/"status":"verifying","message":"Taken down\./);
    expect(text).toMatch(/"feedback":\{"attempt":1,/);
    expect(text).toContain("Work on step a of run");
    expect(text).toContain("# The step\n");
    const proposed = await events("step_result_proposed");
    expect(proposed).toMatchObject([
      { attempt: 1, actor: { name: "coder", role: "executor" }, payload: { result: "made it in 1" } },
      { attempt: 2, actor: { name: "coder", role: "executor" }, payload: { result: "made it in 2" } },
    ]);
    expect(await events("run_completed")).toHaveLength(1);
  });

  it("claims nothing by ending, however well it ends", async () => {
    const { type, events } = await projectOf(MADE, { step: { max_retries: 0 } });
    expect((await type("run", "plan.json")).code).not.toBe(0);
    expect(await events("step_result_proposed")).toEqual([]);
    expect(await events("step_interrupted")).toMatchObject([
      { payload: { reason: expect.stringContaining("never called run_propose_step_result") } },
    ]);
  });

  it("is believed in its claim even if it ends badly afterwards", async () => {
    const { type, events } = await projectOf(`${MADE}\n${CLAIM}\nprocess.exit(9);`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(await events("step_result_proposed")).toHaveLength(1);
  });

  it("is sent back once by its hook when it stops without a claim, and let go with one", async () => {
    const { type, said } = await projectOf(`
      const before = [mayStop(false), mayStop(true)];
      ${MADE}
      ${CLAIM}
      writeFileSync(place + "/gate", JSON.stringify([...before, mayStop(false)]));`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(JSON.parse(said("gate"))).toEqual([
      { status: 2, stderr: expect.stringContaining("run_propose_step_result") },
      { status: 0, stderr: "" },
      { status: 0, stderr: "" },
    ]);
  });

  it("speaks for its attempt alone, and prints no credential", async () => {
    const { type, said, json } = await projectOf(
      `
      const server = connect();
      const other = { run_id: process.env.RUNLEDGER_RUN_ID, step_id: "b" };
      const out = (line) => appendFileSync(place + "/said", line + "\\n");
      out(await server.call("run_start_step", other));
      out(await server.call("run_propose_step_result", { ...other, result: "mine" }));
      out(await server.call("run_create", { plan_json: "{}", original_request: "more" }));
      server.close();
      const { readFileSync: read } = await import("node:fs");
      console.log(read(command.replace(/mcp$/, "credential"), "utf8"));
      ${MADE}
      { ${CLAIM} }`,
      { step: { max_retries: 0 } },
    );
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(said("said").match(/error \[[a-z_]+\]/g)).toHaveLength(3);
    expect(said("said")).not.toContain("verifying");
    const { out } = await type("logs", "last", "a");
    expect(out).toContain("[redacted:runledger_credential]");
    expect(out).not.toContain("rlc1_");
    expect((await json("show", "last")).run.state.status).toBe("completed");
  });

  it("is refused with a credential that is not of its attempt, and the journal tells of it", async () => {
    const { shop, type, events, said } = await projectOf(`
      const { readFileSync: read } = await import("node:fs");
      const { once } = await import("node:events");
      const file = command.replace(/mcp$/, "credential");
      const own = read(file, "utf8");
      writeFileSync(file, read(place + "/other", "utf8"));
      const [code] = await once(connect().child, "exit");
      writeFileSync(place + "/said", String(code));
      writeFileSync(file, own);
      ${MADE}
      { ${CLAIM} }`);
    const { out } = await type("credential", "--agent", "coder", "--quiet");
    writeFileSync(join(shop.place, "other"), out);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(Number(said("said"))).toBeGreaterThan(0);
    expect(await events("access_refused")).toMatchObject([
      { payload: { tool: null, code: "access_denied", by: { name: "coder", stepId: null } } },
    ]);
  });

  it("is told what was wrong with a call without the secrets in it, and neither log nor journal has them", async () => {
    const secret = `ghp_${"Ab3".repeat(12)}`;
    const { type, said } = await projectOf(`
      const { connect: dial } = await import("node:net");
      const { once } = await import("node:events");
      const { readFileSync: read } = await import("node:fs");
      const { RUNLEDGER_RUN_ID: run_id, RUNLEDGER_SOCKET: socket } = process.env;
      const credential = read(command.replace(/mcp$/, "credential"), "utf8");
      const ask = async (input) => {
        const line = dial(socket);
        const question = { kind: "tool", name: "run_propose_step_result", input };
        line.write(JSON.stringify({ type: "ask", credential, question }) + "\\n");
        const [answer] = await once(line, "data");
        appendFileSync(place + "/said", answer);
        console.log(String(answer));
      };
      const secret = "ghp_" + "Ab3".repeat(12);
      await ask({ run_id, step_id: "a", result: "made it", evidence: secret });
      await ask({ run_id, step_id: "a", result: "made it", [secret]: 1 });
      await ask({ run_id, step_id: secret, result: "made it" });
      ${MADE}
      ${CLAIM}`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    const told = said("said")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told).toMatchObject([
      { type: "error", error: { details: { defects: [{ path: "evidence", found: expect.any(String) }] } } },
      { type: "error", error: { details: { count: 1 } } },
      { type: "error" },
    ]);
    const { out: log } = await type("logs", "last", "a");
    const { out: journal } = await type("journal", "last", "--json");
    for (const text of [said("said"), log]) expect(text).toContain("[redacted:");
    for (const text of [said("said"), log, journal]) expect(text).not.toContain(secret.slice(0, 12));
  });

  it("goes on in the same attempt when its worker was killed, and nobody of it is left", async () => {
    const { start, type, events, said } = await projectOf(
      `
      if (existsSync("begun")) { ${MADE} ${CLAIM} }
      else { writeFileSync("begun", ""); connect(); writeFileSync(place + "/pid", String(process.pid)); setInterval(() => {}, 1000); }
    `.replace("existsSync", '(await import("node:fs")).existsSync'),
    );
    const first = start("run", "plan.json");
    await eventually("it is at work", () => said("pid") !== "");
    const ended = spokenBy(first);
    first.kill("SIGKILL");
    await ended;
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    expect(lives(Number(said("pid")))).toBe(false);
    expect(await events("step_result_proposed")).toMatchObject([{ attempt: 1 }]);
  });
});

describe.skipIf(NO_SANDBOX)(`a sandboxed agent of kind subprocess (${NO_SANDBOX || "bubblewrap"})`, () => {
  it("reaches the ledger by its worker alone", async () => {
    const { type, events } = await projectOf(
      `
      try { writeFileSync(process.env.PLACE + "/outside", ""); } catch {}
      ${MADE}
      ${CLAIM}`,
      { agent: ", sandbox: true" },
    );
    const ran = await type("run", "plan.json");
    expect(ran, ran.err).toMatchObject({ code: 0 });
    expect(await events("step_result_proposed")).toMatchObject([{ payload: { result: "made it" } }]);
  });
});
