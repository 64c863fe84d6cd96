import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { LedgerError } from "../../../src/core/errors.js";
import type { AgentFunction } from "../../../src/index.js";
import { planOfSteps, stepBy } from "../../helpers/bench.js";
import { began, stateOf } from "../../helpers/driving.js";
import { NO_SANDBOX } from "../../helpers/isolation.js";
import { modelServer, type Scripted } from "../../helpers/model-server.js";
import { makeSample } from "../../helpers/project.js";

const KEY = "key-of-the-model-0123456789";

/** A project whose `coder` is a model that answers by the script, beside functions of its host. */
const opened = async (script: readonly Scripted[], { agents = {}, settings = "", more = "" } = {}) => {
  const server = await modelServer(script);
  const coder = `kind: llm, provider: openai-compatible, model: scripted, baseUrl: "${server.url}", apiKeyEnv: SHOP_MODEL${more}`;
  const shop = await makeSample(
    {
      "notes.txt": "one\ntwo\n",
      "runledger.yaml": `agents: { coder: { ${coder} } }\nisolation: { maximum: 1 }\n${settings}`,
    },
    { SHOP_MODEL: KEY, SHOP_COLOUR: "blue" },
  );
  onTestFinished(() => shop.dispose());
  const app = await shop.open(agents as Readonly<Record<string, AgentFunction>>);
  return { server, shop, app };
};

it("an llm agent at work keeps its tools while the run is paused for a person", async () => {
  let isPaused = async (): Promise<boolean> => false;
  const { server, app } = await opened(
    [
      {
        calls: [["fs_read", { path: "notes.txt" }]],
        before: async () => {
          while (!(await isPaused())) await nextTurn();
        },
      },
      { text: "read" },
    ],
    { agents: { other: () => "a lie" }, settings: "maxParallelSteps: 2\n" },
  );
  const judge = { max_retries: 0 };
  const runId = await began(
    app,
    planOfSteps(stepBy("a", "false", { ...judge, owner_agent: "other" }), stepBy("b", "true", judge)),
  );
  isPaused = async () => (await app.ledger.load(runId)).state.status === "paused";
  const { run } = await app.drive(runId);
  expect(run.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "a" });
  expect(server.asked[1]?.text).toContain("one\\ntwo");
  expect(server.asked[1]?.text).not.toContain("may not use");
  expect(JSON.stringify(await app.effects(runId, { values: true }))).not.toContain("may not use");
});

/** What the model was told of each tool that it called, in order. */
const told = ({ text = "" }: { readonly text?: string } = {}): readonly string[] =>
  JSON.parse(text)[2].flatMap(({ role, content }: { role: string; content: string }) =>
    role === "tool" ? [content] : [],
  );

/** One step that a judge is content with when this command is. */
const step = (judge: string) => planOfSteps(stepBy("a", judge, { max_retries: 0 }));

it("a secret that a model writes is refused, and never replaced by its mark", async () => {
  const pem = `-----BEGIN PRIVATE KEY-----\n${"QUJD".repeat(16)}\n-----END PRIVATE KEY-----\n`;
  const aboutMarks = "A key is shown as [redacted:some_key].\n";
  const { server, app } = await opened([
    {
      calls: [
        ["exec", { command: "printf 'A key is shown as [redact''ed:some_key].\\n' > marks.md" }],
        ["fs_write", { path: "key.pem", content: pem }],
        ["fs_write", { path: "key.txt", content: `key = ${KEY}\n` }],
        ["fs_edit", { path: "notes.txt", old_text: "one", new_text: `key = ${KEY}` }],
        ["exec", { command: `echo ${KEY} > key.txt` }],
        ["fs_write", { path: "marks.md", content: `# Marks\n${aboutMarks}` }],
        ["fs_edit", { path: "marks.md", old_text: aboutMarks, new_text: `Now: ${aboutMarks}` }],
        ["fs_write", { path: "marks.md", content: `${aboutMarks}${aboutMarks}` }],
      ],
    },
    { text: "done" },
  ]);
  const judge =
    "! ls key.* && grep -qx one notes.txt && grep -q Marks marks.md && test $(grep -c redacted marks.md) = 1";
  const { run } = await app.drive(await began(app, step(judge)));
  const refused = expect.stringMatching(
    /^Nothing was done: this holds \[redacted:\w+\], which stands for a secret/,
  );
  expect(told(server.asked[1])).toEqual([
    expect.stringContaining("Exit code 0"),
    ...[refused, refused, refused, refused],
    expect.stringContaining("is written"),
    expect.stringContaining("is changed"),
    refused,
  ]);
  expect(run.state.status).toBe("completed");
});

it.each([1, 2])(
  "an edit whose record %i is lost in a crash is made once, and its answer paid once",
  async (lost) => {
    const { server, app } = await opened([
      { calls: [["fs_edit", { path: "notes.txt", old_text: "one\n", new_text: "one\nmore\n" }]] },
      { text: "done" },
    ]);
    const runId = await began(app, step("test $(grep -c more notes.txt) = 1"));
    const { submit } = app.ledger;
    let records = 0;
    app.ledger.submit = (...given) => {
      const [, command] = given;
      const ends = command.type === "record_effects" ? command.entries : [];
      if (ends.some((entry) => entry.kind === "settled" && entry.call.name.startsWith("fs_edit")))
        records += 1;
      // As when the power goes: from here on nothing comes to the disk.
      if (records >= lost) throw new LedgerError("store_unavailable", "The disk is gone.");
      return submit(...given);
    };
    await expect(app.drive(runId)).rejects.toThrow("The disk is gone.");
    app.ledger.submit = submit;
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(server.asked).toHaveLength(2);
  },
);

it.skipIf(NO_SANDBOX)(
  "a sandboxed one does not work in your own folder, and that costs no attempt",
  async () => {
    const { server, shop, app } = await opened(
      [{ calls: [["fs_write", { path: "notes.txt", content: "written" }]] }, { text: "done" }],
      { settings: "runLedger: { workspaceIsolation: false }\n", more: ", sandbox: true" },
    );
    const runId = await began(app, step("true"));
    await expect(app.drive(runId)).rejects.toThrow("works in your own folder cannot be sandboxed");
    expect(server.asked).toEqual([]);
    expect(shop.git("status", "--short")).toBe("");
    expect(stateOf(await app.ledger.load(runId), "a")?.status).toBe("in_progress");
  },
);

it("all that a model is told stands in the record, refusals and words of this version too", async () => {
  const { server, app } = await opened([
    { text: "Let me", finish: "length" },
    {
      calls: [
        ["fs_raed", { path: "notes.txt" }],
        ["fs_read", { paht: "notes.txt" }],
      ],
    },
    { text: "done" },
  ]);
  const runId = await began(app, step("true"));
  await app.drive(runId);
  const recorded = JSON.stringify(await app.effects(runId, { values: true }));
  const messages: { role: string; content: string }[] = JSON.parse(server.asked.at(-1)?.text ?? "")[2];
  const heard = messages.filter(({ role }) => role !== "assistant").map(({ content }) => content);
  expect(heard.slice(2)).toEqual([
    expect.stringContaining("cut off at its longest"),
    expect.stringContaining('There is no tool "fs_raed" here'),
    expect.stringContaining("This is not how fs_read is called"),
  ]);
  for (const words of heard) expect(recorded).toContain(JSON.stringify(words).slice(1, -1));
  expect(recorded).toContain("This command was cut off");
});

it.each<[string, readonly Scripted[], string]>([
  ["nothing", [{ text: "" }], "ended without a word"],
  ["nothing but thoughts", [{ text: "", finish: "length" }], "cut off before it said anything"],
  ["what broke off", [{ text: "All is done.", finish: "unheard-of" }], "did not come to its end"],
])("an answer of %s is no claim", async (_what, script, why) => {
  const { server, app } = await opened(script);
  const runId = await began(app, step("true"));
  const { run } = await app.drive(runId);
  expect(run.state.status).toBe("paused");
  expect(JSON.stringify(await app.ledger.events(runId, 0, 100))).toContain(why);
  expect(server.asked).toHaveLength(1);
});

it("the key of a model is no variable of its commands, even when `env` names it", async () => {
  const { server, app } = await opened([{ calls: [["exec", { command: "env" }]] }, { text: "done" }], {
    more: ", env: [SHOP_MODEL, SHOP_COLOUR]",
  });
  await app.drive(await began(app, step("true")));
  expect(told(server.asked[1])).toEqual([expect.stringContaining("SHOP_COLOUR=blue")]);
  expect(server.asked[1]?.text).not.toContain("SHOP_MODEL");
});
