import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { REASON_CHARS } from "../../src/core/limits.js";
import type { AgentFunction, RunLedger } from "../../src/index.js";
import { type Desk, openDesk, planOf } from "../helpers/cli.js";
import { markersIn, placesOfMarker } from "../helpers/data-folder.js";
import { eventsOf } from "../helpers/driving.js";
import { makeSample, orchestrator, person, type Sample, SESSION } from "../helpers/project.js";

/** The value of a variable that agents and validators are given; letters of all kinds, so that encodings differ. */
const MARKER = 'mk"7/Q+zeta %41~ütoken';
const ENV = { SHOP_ACCESS: MARKER, OWN_PASSWORD: "own-pass-0987" };
const GITHUB = `ghp_${"Zx9Yw8Vu7T".repeat(4)}`;

/** What an agent throws, so long that the reason kept of it would end within the marker, after eight characters. */
const CUT_AFTER_8 = `${"x".repeat(REASON_CHARS - "The agent threw: ".length - 8)}${MARKER}`;

/** Says it in every way a program might, to both streams, and in two halves. */
const SPEAK = `const marker = process.env.SHOP_ACCESS;
const bytes = Buffer.from(marker);
const half = marker.slice(0, 5);
process.stdout.write("halves " + half);
setTimeout(() => {
  process.stdout.write(marker.slice(5) + "\\n");
  for (const text of [
    marker, JSON.stringify({ marker }), encodeURIComponent(marker), bytes.toString("hex"), bytes.toString("base64"),
    Buffer.from("user:" + marker).toString("base64"), "\\u001b[31m" + half + "\\u001b[0m" + marker.slice(5), "ghp_" + "${GITHUB.slice(4)}",
  ]) { console.log(text); console.error("err " + text); }
  process.stdout.write("no newline " + marker);
  process.exitCode = Number(process.argv[2] ?? 0);
}, 50);
`;

const FILES: Readonly<Record<string, string>> = {
  "package.json": '{ "name": "shop", "type": "module", "scripts": { "test": "node --test" } }\n',
  "speak.cjs": SPEAK,
  "leak.cjs": `require("node:fs").writeFileSync("leak.txt", "x" + process.env.SHOP_ACCESS);\n`,
  "leak-name.cjs": `require("node:fs").writeFileSync(encodeURIComponent(process.env.SHOP_ACCESS), "");\n`,
  "leak-link.cjs": `require("node:fs").symlinkSync(encodeURIComponent(process.env.SHOP_ACCESS), "link");\n`,
  "test/named.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
test("works", () => {});
test(\`knows \${process.env.SHOP_ACCESS}\`, () => assert.equal(process.env.SHOP_ACCESS, "another"));
`,
  "runledger.yaml": `agents:
  speaker: { kind: command, run: [node, speak.cjs], env: [SHOP_ACCESS] }
  dying: { kind: command, run: [node, speak.cjs, '3'], env: [SHOP_ACCESS] }
  leaker: { kind: command, run: [node, leak.cjs], env: [SHOP_ACCESS] }
  namer: { kind: command, run: [node, leak-name.cjs], env: [SHOP_ACCESS] }
  linker: { kind: command, run: [node, leak-link.cjs], env: [SHOP_ACCESS] }
workspace: { passEnv: [SHOP_ACCESS], setup: [[node, speak.cjs]] }
`,
};

const stepOf = (id: string, agent: string, validator: object) => ({
  id,
  goal: `Do ${id}, and tell nobody of ${ENV.OWN_PASSWORD}`,
  owner_agent: agent,
  max_retries: 0,
  validator,
});
const speaks = { type: "command_pass", target: "node speak.cjs" };
const STEPS = [
  stepOf("said", "speaker", speaks),
  stepOf("refused", "speaker", { type: "command_pass", target: "node speak.cjs 1" }),
  stepOf("tests", "speaker", { type: "test_pass" }),
  stepOf("dies", "dying", speaks),
  stepOf("leaks", "leaker", { type: "command_pass", target: "true" }),
  stepOf("names", "namer", { type: "command_pass", target: "true" }),
  stepOf("links", "linker", { type: "command_pass", target: "true" }),
];

const made: Sample[] = [];
afterEach(async () => {
  for (const one of made.splice(0)) await one.dispose();
});

const expectNothing = (said: Parameters<typeof markersIn>[0] | string): void => {
  for (const marker of [MARKER, ENV.OWN_PASSWORD, GITHUB])
    expect(typeof said === "string" ? placesOfMarker(said, marker) : markersIn(said, marker)).toEqual([]);
};

describe("a secret is nowhere in the data folder and in no output", () => {
  const open = async (): Promise<Desk> => {
    const desk = await openDesk(FILES, ENV);
    made.push(desk);
    return desk;
  };

  it("whatever agents and validators print, write and call things", async () => {
    const desk = await open();
    const heard: { where: string; text: string }[] = [];
    const type = async (...argv: string[]): Promise<string> => {
      const { out, err } = await desk.type(...argv);
      heard.push({ where: argv.join(" "), text: Buffer.from(out + err).toString("latin1") });
      heard.push({ where: argv.join(" "), text: out + err });
      return out;
    };
    for (const step of STEPS) {
      const { id } = step;
      await type(
        "run",
        await planOf(desk, `${id}.json`, [step], { goal: `Not ${ENV.OWN_PASSWORD} of ${MARKER}` }),
      );
      await type("logs", "last", id);
      await type("logs", "last", id, "--json");
      await type("policy", "last", id, "skip", "--reason", `because of ${MARKER}`);
      for (const command of ["show", "why", "journal"])
        for (const json of [[], ["--json"]]) await type(command, "last", ...json);
      await type("export", "last");
    }
    await type("note", "last", `key ${MARKER}`, `value ${MARKER}`);
    for (const command of ["list", "status", "doctor"])
      for (const json of [[], ["--json"]]) await type(command, ...json);
    await type("show", MARKER);
    await type("show", `run_${ENV.OWN_PASSWORD}`, "--json");
    await type("frobnicate", ENV.OWN_PASSWORD);
    const journal = heard
      .flatMap(({ where, text }) => (where === "journal last --json" ? [text] : []))
      .join("\n");
    // It did happen: every channel was tried, and each says what was there.
    expect(journal.split("[redacted:SHOP_ACCESS]").length).toBeGreaterThan(20);
    expect(journal).toContain("holds the value of SHOP_ACCESS");
    expect(journal).toContain("[redacted:github_token]");
    expect(journal).toContain("[redacted:OWN_PASSWORD]");
    expectNothing(heard);
    expectNothing(join(desk.place, "data"));
  });

  it("whatever functions and callers of the SDK say", async () => {
    const shop = await makeSample(FILES, ENV);
    made.push(shop);
    const speaker: AgentFunction = async ({ workspace, attempt }) => {
      if (attempt === 1) throw new Error(CUT_AFTER_8);
      await writeFile(join(workspace, "ok.txt"), "fine\n");
      return { result: `did ${MARKER}`, evidence: [{ type: `t ${MARKER}`, content: `${GITHUB} ${MARKER}` }] };
    };
    const app = await shop.open({ speaker });
    const { runId } = await created(app, [{ ...stepOf("a", "speaker", speaks), max_retries: 1 }]);
    const { run } = await app.drive(runId);
    expect(run.steps[0]?.state).toMatchObject({ proposal: { result: "did [redacted:SHOP_ACCESS]" } });
    const told = (await eventsOf(app, runId)).filter(({ type }) => type === "step_interrupted");
    expect(told).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain(JSON.stringify(MARKER.slice(0, 8)).slice(1, -1));
    expectNothing(app.dataDir);
    await expect(
      created(app, [stepOf("b", "speaker", { ...speaks, target: `echo ${GITHUB}` })]),
    ).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringMatching(/^plan\.steps\[0\]\.validator\.target holds a secret \(github_token\)/),
    });
    await app.close();
    expectNothing(app.dataDir);
  });
});

const created = (app: RunLedger, steps: readonly object[]) =>
  app.createRun(orchestrator(app), {
    plan: { goal: `Not ${MARKER}`, steps },
    sessionKey: SESSION,
    originalRequest: `Please use ${MARKER} of ${person(app).name}`,
  });
