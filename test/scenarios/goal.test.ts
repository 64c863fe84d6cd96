import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sample } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { first } from "../helpers/first.js";
import { type ModelServer, modelServer, type Scripted } from "../helpers/model-server.js";
import { buggySum, onePlan } from "../helpers/project.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const GOAL = "the prices of the shop add up";
const TESTS = { type: "command_pass", target: "node --test" };
const fenced = (value: unknown): string => `Here it is.\n\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\``;
const good = onePlan({ validator: TESTS, max_retries: 3 });
const bad = onePlan({ owner_agent: "nobody", depends_on: ["sum"], judge: "me" });
const NEW_STEPS = [
  {
    id: "note",
    goal: "Say what is wrong in NOTES.md",
    owner_agent: "fixer",
    validator: { type: "artifact_exists", target: "NOTES.md" },
  },
  {
    id: "mend",
    goal: "Make prices add up, as NOTES.md says",
    owner_agent: "coder",
    depends_on: ["note"],
    validator: TESTS,
  },
];
const repair = [
  "fs_edit",
  { path: "src/sum.mjs", old_text: "prices.length", new_text: "prices.reduce((a, b) => a + b, 0)" },
] as const;

/** What each request of a model cost, as its provider told it: no two are the same. */
const counted = (script: readonly Scripted[]): readonly Scripted[] =>
  script.map((turn, at) => ({ ...turn, usage: [1_000 + at, 100 + at] as const }));

const answersOf = (
  run: () => string,
  action: string,
  rest: Readonly<Record<string, unknown>> = {},
): NonNullable<Scripted["calls"]> => [
  [
    "run_apply_policy",
    {
      get run_id() {
        return run();
      },
      step_id: "sum",
      action,
      reason: `${action} it is`,
      ...rest,
    },
  ],
];

const script = (kill: () => void, place: string, run: () => string): readonly Scripted[] =>
  counted([
    { text: fenced(bad) },
    // Asked for the second plan, it is killed.
    { text: fenced(good), before: first(kill) },
    { text: "All tests pass." },
    { calls: answersOf(run, "retry", { fresh: false }), before: first(kill) },
    // In the middle of a command: its parent is the program that drives the run.
    { calls: [["exec", { command: `echo ran >> ${place}/commands; kill -9 $PPID; sleep 1` }]] },
    { text: "Now all tests pass. Approved by the user." },
    {
      calls: [
        [
          "run_read",
          {
            get run_id() {
              return run();
            },
          },
        ],
      ],
    },
    { calls: answersOf(run, "change_agent", { new_agent: "fixer" }), before: first(kill) },
    { text: "I looked at it, and it is fine.", before: first(kill) },
    // A command that no person has seen is refused, and told so.
    {
      calls: answersOf(run, "decompose", {
        new_steps_json: JSON.stringify([
          {
            ...NEW_STEPS[1],
            id: "easy",
            depends_on: [],
            validator: { type: "command_pass", target: "true" },
          },
        ]),
      }),
    },
    { calls: answersOf(run, "decompose", { new_steps_json: JSON.stringify(NEW_STEPS) }) },
    { calls: [["fs_write", { path: "NOTES.md", content: "It counts the prices.\n" }]] },
    { text: "It is written down." },
    { calls: [repair] },
    { text: "The sum adds up now." },
  ]);

const isOf = (path: string) => (one: ModelServer["asked"][number]) => one.path === path;

it("a goal is planned, carried out by several agents, led by a model and finished, killed five times on the way", async () => {
  const shop = await sample(buggySum);
  let child: ChildProcess | undefined;
  let killed = 0;
  let runId = "";
  const killOnce = (): void => {
    killed += 1;
    child?.kill("SIGKILL");
    throw new Error("its other side is gone");
  };
  const server = await modelServer(script(killOnce, shop.place, () => runId));
  const of = (provider: string) =>
    `{ kind: llm, provider: ${provider}, model: scripted, baseUrl: "${server.url}", apiKeyEnv: SHOP_MODEL }`;
  await shop.write({
    "runledger.yaml": `agents:\n  lead: ${of("anthropic")}\n  coder: ${of("openai-compatible")}\n  fixer: ${of("anthropic")}\nplanner: lead\norchestrator: lead\nisolation: { maximum: 1 }\n`,
  });
  shop.commit();
  const type = async (...argv: string[]): Promise<string | number | null> => {
    const env = { ...shop.env, SHOP_MODEL: "key-of-the-model-0123456789" };
    child = spawn(process.execPath, [built.bin, ...argv], { cwd: shop.repo, env, stdio: "ignore" });
    const [code, signal] = await once(child, "exit");
    return signal ?? code;
  };
  const driven = async (...argv: string[]): Promise<(string | number | null)[]> => {
    const ends = [await type(...argv)];
    while (ends.at(-1) === "SIGKILL" && ends.length < 10) ends.push(await type("resume", "last"));
    return ends;
  };
  expect(await driven("run", GOAL)).toEqual(["SIGKILL", 3]);
  const app = await shop.open();
  runId = await app.findRun("last");
  expect((await app.view(runId)).waiting.sentence).toContain("Its plan waits for approval");
  expect(await type("approve", runId)).toBe(0);
  expect(await driven("resume", runId)).toEqual([...Array(4).fill("SIGKILL"), 0]);
  expect(killed).toBe(4);
  expect(await readFile(join(shop.place, "commands"), "utf8")).toBe("ran\n");

  const run = await app.ledger.load(runId);
  expect(run).toMatchObject({ goal: GOAL, state: { status: "completed" } });
  expect(run.steps.map(({ spec, state }) => [spec.id, state.status === "completed" && state.how])).toEqual([
    ["sum", "decomposed"],
    ["note", "verified"],
    ["mend", "verified"],
  ]);
  const events = await app.ledger.events(runId, 0, 1_000);
  const decisions = events.flatMap((event) =>
    event.type === "policy_decision_applied"
      ? [[event.payload.decision.action, event.actor.name, event.actor.role]]
      : [],
  );
  expect(decisions).toEqual([
    ["retry", "lead", "orchestrator"],
    ["change_agent", "lead", "orchestrator"],
    ["decompose", "lead", "orchestrator"],
  ]);

  // Both formats were spoken, and nothing was asked twice but what was under way when it was killed.
  expect(server.answered).toHaveLength(15);
  expect(server.asked).toHaveLength(15 + killed);
  expect(server.answered.filter(isOf("/v1/chat/completions"))).toHaveLength(5);
  expect(server.answered.filter(isOf("/v1/messages"))).toHaveLength(10);
  expect(new Set(server.answered.map(({ text }) => text)).size).toBe(15);
  const calls = (await app.effects(runId, { values: true })).filter(({ name }) => name === "model call");
  const usage = calls.map(({ value }) => (value as { usage: { tokensIn: number; tokensOut: number } }).usage);
  expect(usage.map(({ tokensIn, tokensOut }) => [tokensIn, tokensOut])).toEqual(
    Array.from({ length: 15 }, (_, at) => [1_000 + at, 100 + at]),
  );
  // All defects of the bad plan were told at once, and so was why a command was refused.
  expect(server.answered[1]?.text).toContain("The plan has 3 defects");
  expect(server.answered[10]?.text).toContain("No person has approved the command");
});
