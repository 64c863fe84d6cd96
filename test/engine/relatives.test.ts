import { describe, expect, test } from "vitest";
import { relativesOf } from "../../src/engine/relatives.js";
import { cancel, create, engine, forkOf, planOf, SESSION, start, stepSpec } from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";

const plan = planOf([stepSpec("a")]);

/**
 * run_1 ── fork → run_2 ── fork → run_3, run_1 ── child → run_4 ── child → run_5; run_6 knows nobody.
 */
const family = async (folder: string) => {
  const opened = await openedSealed(folder);
  const { tell } = opened;
  const childOf = (runId: string, depth: number) => {
    const parent = { runId, seq: 3, stepId: "a", attempt: 1, position: 0, depth };
    return create(plan, { child: { parent, sessionKey: SESSION } });
  };
  await tell("run_1", create(plan));
  await tell("run_1", start("a"));
  await tell("run_2", forkOf("run_1"));
  await tell("run_3", forkOf("run_2"));
  await tell("run_4", childOf("run_1", 1), engine);
  await tell("run_5", childOf("run_4", 2), engine);
  await tell("run_6", create(plan));
  return opened;
};

describe("Relatives of a run", () => {
  test("are its forks, source, parent and children, and theirs, each with what it is to whom", async () => {
    const { ledger } = await family(await temporaryFolder());
    const said = async (runId: string) =>
      (await relativesOf(ledger, runId)).map((one) => `${one.runId} ${one.relation} of ${one.of}`);
    expect((await said("run_1")).sort()).toEqual([
      "run_2 fork of run_1",
      "run_3 fork of run_2",
      "run_4 child of run_1",
      "run_5 child of run_4",
    ]);
    expect(await said("run_5")).toEqual([
      "run_4 parent of run_5",
      "run_1 parent of run_4",
      "run_2 fork of run_1",
      "run_3 fork of run_2",
    ]);
    expect(await said("run_3")).toEqual([
      "run_2 source of run_3",
      "run_1 source of run_2",
      "run_4 child of run_1",
      "run_5 child of run_4",
    ]);
    expect(await said("run_6")).toEqual([]);
    await expect(said("run_none")).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("are found once it was erased too, by those that name it; of an erased one that is all that is known", async () => {
    const { ledger, store, tell } = await family(await temporaryFolder());
    await tell("run_2", cancel());
    const { lastHash = "" } = (await store.runRow("run_2")) ?? {};
    await store.erase("run_2", { lastHash, at: "2026-01-05T00:00:00.000Z" });
    expect((await relativesOf(ledger, "run_2")).map(({ runId }) => runId)).toEqual(["run_3"]);
    const of3 = await relativesOf(ledger, "run_3");
    expect(of3).toMatchObject([{ runId: "run_2", relation: "source", seal: "erased" }]);
    expect((await relativesOf(ledger, "run_1")).map(({ runId }) => runId)).toEqual(["run_4", "run_5"]);
  });
});
