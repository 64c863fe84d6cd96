import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type Command, openRunLedger, type RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, eventsOf, eventually, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { HOST_CLIENT } from "../helpers/host-agent.js";
import { NO_SANDBOX } from "../helpers/isolation.js";
import { person } from "../helpers/project.js";

const PLAN = planOfSteps(stepBy("a", "true", { max_retries: 1 }));

/** A project whose agent is this program; it tells what it saw in a file of its own, a JSON a line. */
const projectOf = async (agent: string, more = "") => {
  const head = `import { appendFileSync } from "node:fs";
import { begin, open } from "./client.mjs";
const tell = (value) => appendFileSync(process.env.WITNESS, JSON.stringify(value) + "\\n");
`;
  const shop = await sample({
    "runledger.yaml": `agents:\n  coder:\n    kind: command\n    run: [node, agent.mjs]\n    env: [WITNESS]\n${more}`,
    "agent.mjs": head + agent,
    "client.mjs": HOST_CLIENT,
  });
  const witness = join(shop.place, "witness.jsonl");
  const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, WITNESS: witness } });
  const told = async (): Promise<unknown[]> =>
    (await readFile(witness, "utf8").catch(() => ""))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  return { app, told, runId: await began(app, PLAN), [Symbol.asyncDispose]: () => app.close() };
};

/** Hangs up in its effect, and asks for it again until it is told what became of it. */
const ASKS_AGAIN = `
(await begin({ key: "k", risk: "money" })).hangUp();
for (;;) {
  const { answer } = await begin({ key: "k", risk: "money" });
  if (answer.error?.code === "effect_ambiguous") continue;
  tell(answer);
  break;
}`;

const inline = (value: unknown) => ({ kind: "inline", json: JSON.stringify(value) }) as const;

type Answer = Pick<Extract<Command, { type: "decide_effect" }>, "decision" | "reason" | "value">;

/** A person gives this answer just before the engine says for the nth time that one is asked. Tells how often it said so. */
const answeredBefore = (app: RunLedger, nth: number, answer: Answer) => {
  const submit = app.ledger.submit.bind(app.ledger);
  let asked = 0;
  vi.spyOn(app.ledger, "submit").mockImplementation(async (of, command, caller, ...more) => {
    if (command.type !== "decide_effect" || caller.role !== "engine")
      return submit(of, command, caller, ...more);
    asked += 1;
    if (asked === nth) await submit(of, { ...command, ...answer }, person(app));
    return submit(of, command, caller, ...more);
  });
  return () => asked;
};

describe("the host of a program's step", () => {
  it("lets an effect happen once for its key, in this run and in another", async () => {
    await using shop = await projectOf(`for (const time of [1, 2]) {
      const effect = await begin({ key: "order-1", risk: "money" });
      tell(effect.answer);
      if (effect.answer.type === "perform") tell(await effect.say({ type: "done", value: { receipt: time } }));
    }`);
    const { app, runId } = shop;
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    await app.drive(await began(app, PLAN));
    const ended = { type: "ended", status: "done", value: { receipt: 1 } };
    expect(await shop.told()).toEqual([
      { type: "perform", key: "order-1" },
      { ...ended, replayed: false },
      ...[1, 2, 3].map(() => ({ ...ended, replayed: true })),
    ]);
    const types = await typesOf(app, runId);
    expect(types.filter((type) => type.startsWith("effect_"))).toEqual(["effect_intended", "effect_settled"]);
  });

  it("takes the word of the settings for a paid effect that does not say what a crash means", async () => {
    await using shop = await projectOf(
      `const effect = await begin({ key: "order-1", risk: "paid", onAmbiguous: null });
      tell(effect.answer);
      if (effect.answer.type === "perform") await effect.say({ type: "done", value: 1 });
      tell((await begin({ key: "order-2", risk: "money", onAmbiguous: null })).answer.error.code);`,
      "durable: { paidAmbiguous: skip }\n",
    );
    await shop.app.drive(shop.runId);
    expect(await shop.told()).toEqual([{ type: "perform", key: "order-1" }, "invalid_input"]);
    expect((await shop.app.effects(shop.runId))[0]).toMatchObject({ risk: "paid", onAmbiguous: "fail" });
  });

  it("lets one that failed be tried again", async () => {
    await using shop = await projectOf(`
    const first = await begin({ key: "k" });
    tell(await first.say({ type: "failed", error: "no network" }));
    const second = await begin({ key: "k" });
    tell(await second.say({ type: "done", value: 2 }));`);
    await shop.app.drive(shop.runId);
    expect(await shop.told()).toEqual([
      { type: "ended", status: "failed", value: null, replayed: false },
      { type: "ended", status: "done", value: 2, replayed: false },
    ]);
  });

  it("keeps whoever comes with the same key waiting for the one who does it", async () => {
    await using shop = await projectOf(`
    const first = await begin({ key: "k" });
    const second = begin({ key: "k" });
    const other = await begin({ key: "other" });
    tell(other.answer.type);
    await other.say({ type: "done", value: 0 });
    await first.say({ type: "done", value: 1 });
    tell((await second).answer);`);
    await shop.app.drive(shop.runId);
    expect(await shop.told()).toEqual([
      "perform",
      { type: "ended", status: "done", value: 1, replayed: true },
    ]);
  });

  it("asks a person about one whose program hung up, and holds the claim back", async () => {
    await using shop = await projectOf(`
    const first = await begin({ key: "k", risk: "money" });
    tell(first.answer.type);
    if (first.answer.type === "perform" && process.env.RUNLEDGER_STEP_ID === "a") first.hangUp();`);
    const { app, runId } = shop;
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "a" });
    expect(stateOf(run, "a")).toMatchObject({ status: "in_progress" });
    await say(app, runId, {
      type: "decide_effect",
      stepId: "a",
      attempt: 1,
      position: 0,
      decision: "skip",
      reason: "the bank says it did",
    });
    await say(app, runId, resume);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(await shop.told()).toEqual(["perform", "ended"]);
  });

  it("gives a program that asks again while it lives what a person has said meanwhile", async () => {
    await using shop = await projectOf(ASKS_AGAIN);
    const { app, runId } = shop;
    const driven = app.drive(runId);
    const isAsked = async () => (await app.effects(runId)).some(({ status }) => status === "asked");
    await eventually("a person is asked", isAsked);
    const answer = {
      stepId: "a",
      position: 0,
      decision: "done",
      reason: "the bank shows it",
      value: 7,
    } as const;
    await app.answerEffect(person(app), runId, answer);
    await driven;
    expect(await shop.told()).toEqual([{ type: "ended", status: "done", value: 7, replayed: true }]);
    expect(await typesOf(app, runId)).not.toContain("step_interrupted");
  });

  it("gives it also where the person has answered just before it is asked about once more", async () => {
    await using shop = await projectOf(ASKS_AGAIN);
    const { app, runId } = shop;
    const asked = answeredBefore(app, 2, { decision: "done", reason: "it did", value: inline(7) });
    await app.drive(runId);
    expect(asked()).toBe(2);
    expect(await shop.told()).toEqual([{ type: "ended", status: "done", value: 7, replayed: true }]);
  });

  it("keeps the claim of a program whose open effect a person has decided before it is asked about", async () => {
    await using shop = await projectOf(`(await begin({ key: "k", risk: "money" })).hangUp();`);
    const { app, runId } = shop;
    const asked = answeredBefore(app, 1, { decision: "skip", reason: "it did" });
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(asked()).toBe(1);
    expect(await typesOf(app, runId)).not.toContain("step_interrupted");
  });

  it("asks before the next attempt when a time limit cut one off", async () => {
    await using shop = await projectOf(
      `tell((await begin({ key: "k", risk: "money" })).answer.type);
      setInterval(() => undefined, 1000);`,
      "    timeout: 3s\n",
    );
    const { run } = await shop.app.drive(shop.runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
    expect(await typesOf(shop.app, shop.runId)).not.toContain("step_interrupted");
    expect(await shop.told()).toEqual(["perform"]);
  });

  it("does again what says it may be done again, and goes on without what says so", async () => {
    await using shop = await projectOf(`
    for (const onAmbiguous of ["rerun", "skip"]) {
      (await begin({ key: onAmbiguous, onAmbiguous })).hangUp();
      const again = await begin({ key: onAmbiguous, onAmbiguous });
      tell(again.answer);
      if (again.answer.type === "perform") await again.say({ type: "done", value: null });
    }`);
    const { run } = await shop.app.drive(shop.runId);
    expect(run.state.status).toBe("completed");
    expect(await shop.told()).toEqual([
      { type: "perform", key: "rerun" },
      { type: "ended", status: "skipped", value: null, replayed: true },
    ]);
    const decided = (await eventsOf(shop.app, shop.runId)).flatMap((event) =>
      event.type === "effect_decided" ? [event.payload.decision] : [],
    );
    expect(decided).toEqual(["rerun", "skip"]);
  });

  it("answers bad input with a code and stays there for others", async () => {
    await using shop = await projectOf(`
    const line = async (text) => { const one = await open(); tell(await one.raw(text)); };
    await line("no json");
    await line('{"type":"begin"}');
    await line('{"type":"done","value":1}');
    tell((await begin({ key: "k", token: "guess" })).answer);
    tell((await begin({ key: "k", onAmbiguous: null })).answer);
    tell((await begin({ key: "" })).answer);
    await line("x".repeat(8_000_000));
    const held = await begin({ key: "k" });
    tell(await held.say({ type: "begin" }));`);
    const { run } = await shop.app.drive(shop.runId);
    expect(run.state.status).toBe("paused");
    const codes = (await shop.told()).map(
      (answer) => (answer as { error?: { code: string } }).error?.code ?? answer,
    );
    expect(codes).toEqual([
      ...[
        "parse_failed",
        "invalid_input",
        "invalid_input",
        "access_denied",
        "invalid_input",
        "invalid_input",
      ],
      ...[{ type: "hung up" }, "invalid_input"],
    ]);
    const begun = (await typesOf(shop.app, shop.runId)).filter((type) => type === "effect_intended");
    expect(begun).toHaveLength(1);
  });

  it.skipIf(NO_SANDBOX)(`is reached out of a sandbox (${NO_SANDBOX || "bubblewrap"})`, async () => {
    const agent = `
    const effect = await begin({ key: "k" });
    const ended = await effect.say({ type: "done", value: "from inside" });
    console.log(JSON.stringify(ended));`;
    const shop = await sample({
      "runledger.yaml":
        "agents:\n  coder:\n    kind: command\n    run: [node, agent.mjs]\n    sandbox: true\n",
      "agent.mjs": `${HOST_CLIENT}${agent}`,
    });
    const app = await shop.open();
    const runId = await began(app, PLAN);
    await app.drive(runId);
    const proposed = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_result_proposed" ? [event.payload.result] : [],
    );
    expect(proposed).toEqual(['{"type":"ended","status":"done","value":"from inside","replayed":false}']);
  });
});
