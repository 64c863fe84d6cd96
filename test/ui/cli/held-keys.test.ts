import { afterAll, beforeAll, expect, it } from "vitest";
import type { AgentFunction, RunLedger } from "../../../src/index.js";
import { type Desk, openDesk, shop, step } from "../../helpers/cli.js";
import { aborted, began, stateOf } from "../../helpers/driving.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const JUDGE = { validator: { type: "command_pass", target: "true" } };
const KEYED = { class: "idempotent", key: "order-7" } as const;

/** The charge of its first life is under way when its function loses; the code of its next life knows of no charge. */
const changing = (): { readonly racer: AgentFunction; readonly stop: AbortSignal } => {
  const stop = new AbortController();
  let life = 0;
  const racer: AgentFunction = async (task, effects) => {
    life += 1;
    const first = await effects.race([
      async () => {
        if (life === 1) await effects.effect("charge", KEYED, () => new Promise<never>(() => undefined));
        return "charged";
      },
      async () => {
        await effects.sleep(1);
        return "too slow";
      },
    ]);
    if (life > 1) return first;
    await effects.effect("noted", { class: "guarded", risk: "none" }, () => undefined);
    stop.abort();
    await aborted(task.signal);
    return "";
  };
  return { racer, stop: stop.signal };
};

const charger: AgentFunction = async (_task, effects) =>
  `${await effects.effect("charge", KEYED, () => "receipt")}`;

const drivenBy = async (app: RunLedger, agent: string): Promise<string> => {
  const runId = await began(app, { goal: agent, steps: [step("a", agent, JUDGE)] });
  await app.drive(runId);
  return runId;
};

it("An effect that nobody is left to end is told wherever one looks, until a person says what became of it", async () => {
  const { racer, stop } = changing();
  const app = await desk.open({ racer, charger });
  const id = await began(app, { goal: "race", steps: [step("a", "racer", JUDGE)] });
  await app.drive(id, stop);
  // Its attempt goes on, so nobody is asked yet.
  expect((await desk.type("why", id)).out).not.toContain("order-7");
  const { run } = await app.drive(id);
  expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "too slow" } });

  const decide = `runledger decide ${id} a 1 done|skip|rerun --attempt 1 [--value JSON] --reason "…"`;
  const words = `a: effect 1 "charge" had begun when its attempt ended, and holds key "order-7": ${decide}`;
  expect((await desk.type("why", id)).out).toContain(`\n  ${words}\n`);
  expect((await desk.type("show", id)).out).toContain(words);
  const held = [{ stepId: "a", attempt: 1, position: 1, key: "order-7", name: "charge" }];
  for (const command of ["why", "show"])
    expect(await desk.json(command, id)).toMatchObject({ heldKeys: held });
  expect((await desk.type("effects", id, "--open")).out).toContain(
    "nobody is left to end it, and it holds key order-7: runledger decide",
  );
  expect(await desk.json("effects", id, "--open")).toMatchObject({
    effects: [{ name: "charge", status: "open", held: true }],
  });

  const other = await drivenBy(app, "charger");
  expect(stateOf(await app.ledger.load(other), "a")).toMatchObject({ status: "interrupted" });
  expect(await desk.type("decide", id, "a", "1", "rerun", "--attempt", "1", "--reason", "no")).toMatchObject({
    code: 0,
  });
  expect(await desk.json("why", id)).toMatchObject({ heldKeys: [] });
  expect(await desk.json("effects", id, "--open")).toMatchObject({ effects: [] });
  const { run: next } = await app.drive(await drivenBy(app, "charger"));
  expect(stateOf(next, "a")).toMatchObject({ proposal: { result: "receipt" } });
  await app.close();
});
