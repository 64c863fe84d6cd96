import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readPlan } from "../../../src/core/plan.js";
import { newRunId } from "../../../src/ledger/run-id.js";
import { serveLedger } from "../../../src/ui/mcp/ledger-side.js";
import type { Asked, Question } from "../../../src/ui/mcp/line.js";
import { MARKS_OUTSIDE, makeSample, type Sample } from "../../helpers/project.js";

let shop: Sample;
beforeEach(async () => {
  shop = await makeSample({ "README.md": "# A shop\n", "runledger.yaml": MARKS_OUTSIDE });
});
afterEach(() => shop.dispose());

const ada = { name: "ada", role: "orchestrator", sessionKey: "test" } as const;

/** What is answered to these, line by line in the order of their asking. */
const answersTo = async (
  questions: readonly Question[],
  of: Partial<{ env: object; as: Asked["as"] }> = {},
) => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const env = { ...shop.env, ...of.env };
  const served = serveLedger({ input, output, env, projectDir: shop.repo, toolAgents: [] });
  for (const [id, question] of questions.entries())
    input.write(`${JSON.stringify({ id, as: of.as ?? ada, question })}\n`);
  input.end();
  await served;
  output.end();
  const lines = (await text(output)).trim().split("\n");
  const told = lines.map((line) => JSON.parse(line) as { id: number; value?: unknown; error?: unknown });
  return told.sort((one, other) => one.id - other.id);
};

it("takes secrets out of what it says, and leaves lines whole that look like one", async () => {
  const env = { FIRST_TOKEN: `","role":"`, SECOND_TOKEN: "tester-of-tests" };
  const as = { ...ada, name: "tester-of-tests" };
  expect(await answersTo([{ kind: "who" }], { env, as })).toEqual([
    { id: 0, value: { ...ada, name: "[redacted:SECOND_TOKEN]" } },
  ]);
});

const planOf = (target: string) =>
  JSON.stringify({
    goal: "Ship it",
    steps: [
      { id: "a", goal: "Make it", owner_agent: "coder", validator: { type: "command_pass", target } },
      { id: "b", goal: "Tell it", owner_agent: "coder", validator: { type: "build_pass" } },
    ],
  });
const tool = (name: string, input: object) => ({ kind: "tool", name, input }) as const;

const madeRun = async (): Promise<string> => {
  const [made] = await answersTo([
    tool("run_create", { plan_json: planOf("exit 7"), original_request: "x" }),
  ]);
  return String((made?.value as { run_id?: string } | undefined)?.run_id);
};

it("an agent whose attempt is over reads its verdict, hears a lost answer again, and changes nothing", async () => {
  const runId = await madeRun();
  const ids = { run_id: runId, step_id: "a" };
  const app = await shop.open();
  const asked = { name: "coder", role: "executor", runId, stepId: "a", lifetimeMs: 3_600_000 } as const;
  const { credential } = await app.signCredential(asked);
  const as = { credential };
  await answersTo([tool("run_start_step", ids)], { as });
  const proposing = tool("run_propose_step_result", { ...ids, result: "done", idempotency_key: "lost" });
  const [first] = await answersTo([proposing], { as });
  expect(first?.value).toMatchObject({ status: "verification_failed" });
  const events = async () => (await app.ledger.events(runId, 0, 1_000)).map(({ type }) => type);
  const before = await events();
  const read = [tool("run_read", { run_id: runId }), tool("run_active", { run_id: runId })] as const;
  const journal = { kind: "journal", runId, afterSeq: 0 } as const;
  const reads = await answersTo([...read, { kind: "runs" }, { kind: "who" }, journal, proposing], { as });
  expect(reads.map(({ error }) => error)).toEqual(Array(6).fill(undefined));
  expect(reads[0]?.value).toMatchObject({
    steps: [{ status: "failed", verdict: { outcome: "failed" } }, {}],
  });
  expect(reads[5]?.value).toMatchObject({ status: "verification_failed" });
  const changing = [
    tool("run_propose_step_result", { ...ids, result: "done", idempotency_key: "another" }),
    tool("run_propose_step_result", { ...ids, result: "done" }),
    tool("run_start_step", ids),
    tool("run_note", { run_id: runId, key: "k", value: "v", idempotency_key: "new" }),
    // Another question under the key of the first.
    tool("run_note", { run_id: runId, key: "k", value: "v", idempotency_key: "lost" }),
  ];
  const codes = (await answersTo(changing, { as })).map(({ error }) => (error as { code: string }).code);
  expect(codes).toEqual([...Array(4).fill("credential_ended"), "idempotency_key_reused"]);
  // Each refusal is told, the reads before them are not, and nothing else came of any.
  expect(await events()).toEqual([...before, ...Array(4).fill("access_refused")]);
});

it("lists the run of whoever is bound to one, however many came behind it", async () => {
  const runId = await madeRun();
  const app = await shop.open();
  const asked = { name: "coder", role: "executor", runId, lifetimeMs: 3_600_000 } as const;
  const { credential } = await app.signCredential(asked);
  const caller = app.issue(ada);
  const plan = readPlan(planOf("true"));
  const command = { type: "create_run", goal: plan.goal, originalRequest: "again", plan } as const;
  for (let n = 0; n < 50; n += 1)
    await app.ledger.submit(newRunId(), { ...command, workspaceIsolation: false, base: null }, caller);
  const [mine, all] = [
    await answersTo([{ kind: "runs" }], { as: { credential } }),
    await answersTo([{ kind: "runs" }]),
  ];
  expect(mine[0]?.value).toEqual({ runs: [{ run_id: runId, goal: "Ship it", status: "running" }] });
  const { runs = [] } = (all[0]?.value ?? {}) as { runs?: { run_id: string }[] };
  expect(runs).toHaveLength(50);
  expect(runs.map(({ run_id }) => run_id)).not.toContain(runId);
});

it("names the archive of a run that was taken out, and not where on this machine it lies", async () => {
  const app = await shop.open({}, () => new Date(Date.now() + 2 * 3_600_000).toISOString());
  const { runId } = await app.gate(app.issue(ada)).startRun({ agentId: "ada", intentSummary: "Look" });
  await app.gate(app.issue(ada)).completeRun({ runId });
  const later = await shop.open({}, () => new Date(Date.now() + 4 * 3_600_000).toISOString());
  const [pruned] = (await later.prune({ keep: 0 })).runs;
  const [answer] = await answersTo([tool("run_read", { run_id: runId })]);
  expect(answer?.error).toMatchObject({ code: "run_not_found" });
  const name = String((answer?.error as { details?: { archive?: unknown } } | undefined)?.details?.archive);
  expect(pruned?.archive?.endsWith(name)).toBe(true);
  expect((answer?.error as { hint?: string } | undefined)?.hint).toBe(
    `Bring it back: runledger import ${name}`,
  );
  expect(JSON.stringify(answer)).not.toContain(shop.place);
});
