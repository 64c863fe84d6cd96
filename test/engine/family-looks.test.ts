import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import type { Run } from "../../src/core/run.js";
import type { Driven } from "../../src/engine/executor.js";
import { driveFamily } from "../../src/engine/family.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { gate } from "../helpers/driving.js";
import { collectGarbage } from "../helpers/garbage.js";

const PLAN = planOfSteps(stepBy("a", "true"));

/** Real runs, of which the first says that it has started these and waits for them. */
const familyOf = async (count: number, alsoNamed: readonly string[] = []) => {
  const bench = await openBench();
  const root = await bench.create(PLAN);
  const children: Run[] = [];
  for (let made = 0; made < count; made += 1) children.push(await bench.create(PLAN));
  const waits = [...children.map(({ runId }) => runId), ...alsoNamed].map((childId, position) => ({
    ...{ kind: "child" as const, position, name: "sub", input: "", childId, finished: null },
    ...{ since: root.createdAt, seq: position + 1 },
  }));
  const steps = root.steps.map((step) => ({ ...step, effects: { ...step.effects, waits } }));
  return { ledger: bench.ledger, root: { ...root, steps }, children };
};

const idle = (run: Run): Driven => ({ run, end: "idle" });

it("looks once more when somebody has ended while it looked", async () => {
  const { ledger, root, children } = await familyOf(1, ["not-made-yet"]);
  const [child] = children as [Run];
  const { opened, open } = gate();
  const ended = gate();
  const drives: string[] = [];
  const { runRow } = ledger.store;
  vi.spyOn(ledger.store, "runRow").mockImplementation(async (runId) => {
    if (runId === "not-made-yet" && drives.includes(child.runId)) {
      open();
      await ended.opened;
    }
    return runRow(runId);
  });
  await driveFamily(
    ledger,
    async (runId) => {
      drives.push(runId);
      if (runId === root.runId) return idle(root);
      await opened;
      setImmediate(() => setImmediate(ended.open));
      // Something is written to it as it comes to rest.
      return idle(drives.length === 2 ? { ...child, seq: child.seq - 1 } : child);
    },
    root.runId,
  );
  expect(drives).toEqual([root.runId, child.runId, child.runId]);
});

it("asks again for one that another worker had, while a sibling of it is at work", async () => {
  const { ledger, root, children } = await familyOf(2);
  const [lost, busy] = children as [Run, Run];
  const { opened, open } = gate();
  let asked = 0;
  const drive = async (runId: string): Promise<Driven> => {
    if (runId === root.runId) return idle(root);
    if (runId === busy.runId) {
      await opened;
      return idle(busy);
    }
    asked += 1;
    if (asked === 1) throw new LedgerError("lease_held", "Another worker has it.");
    open();
    return idle(lost);
  };
  await driveFamily(ledger, drive, root.runId);
  expect(asked).toBe(2);
});

it("hears nothing more of a child that has ended, and keeps nothing of it, while its parent goes on", async () => {
  const { ledger, root, children } = await familyOf(2);
  const [ending, busy] = children as [Run, Run];
  const heard = new Set<string>();
  const { observe } = ledger;
  vi.spyOn(ledger, "observe").mockImplementation((observer, runId = "") => {
    const forget = observe(observer, runId);
    heard.add(runId);
    return () => {
      heard.delete(runId);
      forget();
    };
  });
  let ended: WeakRef<Driven> | undefined;
  const drives: string[] = [];
  const drive = async (runId: string): Promise<Driven> => {
    drives.push(runId);
    if (runId === root.runId) return idle(root);
    if (runId === ending.runId) {
      const { sessionKey } = ending;
      const system = ledger.issue({ name: "system", role: "orchestrator", sessionKey });
      const driven = idle((await ledger.submit(runId, { type: "cancel_run", reason: "no" }, system)).run);
      ended = new WeakRef(driven);
      return driven;
    }
    for (let turn = 0; turn < 1_000 && (ended === undefined || heard.has(ending.runId)); turn += 1)
      await nextTurn();
    expect([...heard]).toEqual([root.runId, busy.runId]);
    collectGarbage();
    expect(ended?.deref()).toBeUndefined();
    return idle(busy);
  };
  await driveFamily(ledger, drive, root.runId);
  expect(heard.size).toBe(0);
  expect(drives).toEqual([root.runId, ending.runId, busy.runId]);
});

it("reads as many rows as there are children, not for each that ends the rows of all", async () => {
  const ids = Array.from({ length: 40 }, (_, index) => `child-${index}`);
  const { ledger, root, children } = await familyOf(1, ids);
  const [real] = children as [Run];
  const turns = new Map(ids.map((id) => [id, gate()]));
  const { runRow } = ledger.store;
  // Each has the row of the one that is there.
  const reads = vi.spyOn(ledger.store, "runRow");
  reads.mockImplementation((runId) => runRow(turns.has(runId) ? real.runId : runId));
  let isDone = false;
  const driving = driveFamily(
    ledger,
    async (runId) => {
      if (runId === root.runId) return idle(root);
      await turns.get(runId)?.opened;
      return idle({ ...real, runId });
    },
    root.runId,
  ).finally(() => {
    isDone = true;
  });
  for (const { open } of turns.values()) {
    const before = reads.mock.calls.length;
    open();
    while (reads.mock.calls.length === before && !isDone) await nextTurn();
  }
  await driving;
  // Of each when it begins, when it ends, and when nobody is at work; and a slow machine has time for a few looks at all.
  expect(reads.mock.calls.length).toBeLessThan(ids.length * 10);
});
