import { expect, it } from "vitest";
import { unlessOvertaken } from "../../src/engine/work.js";
import { refusalOf } from "../helpers/bench.js";
import * as cast from "../helpers/cast.js";
import { openedIn } from "../helpers/ledgers.js";

const opened = async () => {
  const { ledger, tell } = await openedIn(":memory:", { budget: { attempts: 1 } });
  await tell("run_1", cast.create(cast.planOf([cast.stepSpec("a"), cast.stepSpec("b")])));
  const { run } = await tell("run_1", cast.start("a"));
  return { ledger, tell, run };
};

it("A spent budget stops whoever is refused by it, whatever somebody else wrote at that moment", async () => {
  const { ledger, tell, run } = await opened();
  const starting = unlessOvertaken(ledger, run, async () => {
    await tell("run_1", cast.note("k", "v"));
    return tell("run_1", cast.start("b"));
  });
  expect((await refusalOf(starting)).code).toBe("budget_exceeded");
});

it("A word that comes too late is no fault", async () => {
  const { ledger, tell, run } = await opened();
  const starting = unlessOvertaken(ledger, run, async () => {
    await tell("run_1", cast.cancel());
    return tell("run_1", cast.start("b"));
  });
  expect(await starting).toBeUndefined();
});
