import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { VersionedAgent } from "../../../src/index.js";
import { type Desk, openDesk, shop, step } from "../../helpers/cli.js";
import { aborted, began } from "../../helpers/driving.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const waiter: VersionedAgent = {
  version: "1",
  work: async (_task, effects) => {
    const from = await effects.resumed();
    if (from === null) await effects.checkpoint({ workingMemory: { asks: "for a signature" } });
    return effects.promise("sign-off");
  },
};

/** A run whose agent, a function of another program, has ended a turn and waits. */
const waitingRun = async (): Promise<string> => {
  const app = await desk.open({ waiter });
  const runId = await began(app, { goal: "wait", steps: [step("a", "waiter")] });
  await app.drive(runId);
  await app.close();
  return runId;
};

/** Its agent ends turns up to this one, from wherever it was, and is then told to stop. */
const cutOffAfter = async (turns: number, known?: string): Promise<string> => {
  const stop = new AbortController();
  const turner: VersionedAgent = {
    version: "1",
    work: async (task, effects) => {
      const from = await effects.resumed();
      for (let turn = from?.turn ?? 0; turn < turns; turn += 1)
        await effects.checkpoint({ workingMemory: { turn: turn + 1 } });
      stop.abort();
      await aborted(task.signal);
      return "";
    },
  };
  const app = await desk.open({ turner });
  const runId = known ?? (await began(app, { goal: "turn", steps: [step("a", "turner")] }));
  await app.drive(runId, stop.signal);
  await app.close();
  return runId;
};

const spoilNewest = (runId: string): string => {
  const db = new Database(join(desk.place, "data", "ledger.db"));
  const id = db
    .prepare("SELECT id FROM checkpoints WHERE run_id = ? ORDER BY rowid DESC LIMIT 1")
    .pluck()
    .get(runId) as string;
  db.prepare("UPDATE checkpoints SET bytes = zeroblob(9) WHERE id = ?").run(id);
  db.close();
  return id;
};

const spoilAll = (runId: string): void => {
  const db = new Database(join(desk.place, "data", "ledger.db"));
  db.prepare("UPDATE checkpoints SET bytes = zeroblob(9) WHERE run_id = ?").run(runId);
  db.close();
};

describe("checkpoints at the terminal", () => {
  it("are listed with their signatures, taken now, and say where a run goes on", async () => {
    const id = await waitingRun();
    const { out, err } = await desk.type("checkpoint", id);
    expect(out).toMatch(/^ckpt_[0-9a-f]{16}\n$/);
    expect(err).toBe('  The run as of event 7; turn 1 of "a".\n');
    expect(
      desk
        .masked((await desk.type("checkpoints", id)).out)
        .replace(/ +/g, " ")
        .replaceAll(/\d+ B\b/g, "SIZE"),
    ).toBe(
      [
        " CHECKPOINT TAKEN WHY STEP TURN EVENT SIZE SIGNATURE",
        "✔ CHECKPOINT AGO turn a/1 1 3 SIZE holds",
        "✔ CHECKPOINT AGO wait a/1 1 5 SIZE holds",
        "✔ CHECKPOINT AGO demand a/1 1 7 SIZE holds",
        "",
      ].join("\n"),
    );
    const resumed = await desk.type("resume", id);
    expect(resumed.err).toContain(`▶ a: from turn 1, checkpoint ${out.trim()}`);
    expect((await desk.type("verify", id)).out).toContain("3 checkpoints: all as it was written.");
  });

  it("that do not hold are named, and verify ends with 1", async () => {
    const id = await waitingRun();
    expect((await desk.type("why", id)).out).not.toContain("checkpoint");
    spoilAll(id);
    const why = await desk.type("why", id);
    expect(why.out).toMatch(
      /\n {2}a: checkpoint ckpt_\w+ is not as it was written, and 1 more; it goes on from the journal alone\n/,
    );
    expect((await desk.type("show", id)).out).toMatch(
      /checkpoint +a: checkpoint ckpt_\w+ is not as it was written/,
    );
    for (const command of ["why", "show"]) {
      const { brokenCheckpoints } = JSON.parse((await desk.type(command, id, "--json")).out) as {
        brokenCheckpoints: unknown[];
      };
      expect(brokenCheckpoints).toHaveLength(2);
      expect(brokenCheckpoints[0]).toMatchObject({ stepId: "a", from: null });
    }
    const listed = await desk.type("checkpoints", id);
    expect(listed.out).toMatch(/✘ {2}ckpt_\w+ .* is not as it was written\n/);
    const { err } = await desk.type("resume", id);
    expect(err).toMatch(/✘ a: checkpoint ckpt_\w+ is not as it was written\n/);
    expect(err).toContain("▶ a: no checkpoint holds; from its first line, what was recorded is read back");
    const verified = await desk.type("verify", id);
    expect(verified.code).toBe(1);
    expect(verified.out).toMatch(/checkpoint +ckpt_\w+ is not as it was written\./);
  });

  it("that an agent has come past stay named when newer ones are signed, and when their bytes are gone", async () => {
    const id = await cutOffAfter(2);
    const spoilt = spoilNewest(id);
    await cutOffAfter(3, id);
    const listed = JSON.parse((await desk.type("checkpoints", id, "--json")).out);
    const { seq } = listed.checkpoints[2].passedOver;
    const from = listed.checkpoints[1].id;
    const words = `a: checkpoint ${spoilt} is not as it was written; event ${seq}: it went on from ${from}\n`;
    const told = { checkpoint: spoilt, why: "is not as it was written", from, seq, attempt: 1 };
    const isTold = async () => {
      expect((await desk.type("why", id)).out).toContain(words);
      expect((await desk.type("show", id)).out.replace(/ +/g, " ")).toContain(`checkpoint ${words}`);
      for (const command of ["why", "show"])
        expect(JSON.parse((await desk.type(command, id, "--json")).out).brokenCheckpoints).toMatchObject([
          told,
        ]);
    };
    await isTold();
    expect((await desk.type("checkpoints", id)).out).toContain(
      ` is not as it was written; passed over at event ${seq}\n`,
    );
    expect((await desk.type("journal", id, "--type", "checkpoints_passed_over")).out).toContain(spoilt);
    expect((await desk.type("verify", id)).code).toBe(1);
    // Life after life goes on from what holds, until nobody needs it.
    await cutOffAfter(40, id);
    await isTold();
    expect((await desk.type("checkpoints", id)).out).toContain(
      ` was thinned out; passed over at event ${seq}: it is not as it was written\n`,
    );
    const verified = await desk.type("verify", id);
    expect(verified.code).toBe(0);
    expect(verified.err).toContain(
      `Event ${seq} of ${id}: checkpoint ${spoilt} is not as it was written, and was passed over.\n`,
    );
  });

  it("of an agent that is at work are not set aside by whoever resumes it beside", async () => {
    const gate = new AbortController();
    const turned = new AbortController();
    const worker: VersionedAgent = {
      version: "1",
      work: async (_task, effects) => {
        await effects.checkpoint({ workingMemory: {} });
        turned.abort();
        await aborted(gate.signal);
        return "done";
      },
    };
    const app = await desk.open({ worker });
    const id = await began(app, { goal: "turn", steps: [step("a", "worker")] });
    const driven = app.drive(id);
    await aborted(turned.signal);
    expect(await desk.type("resume", id, "--anew")).toMatchObject({
      code: 5,
      err: expect.stringContaining("lease_held"),
    });
    expect((await desk.type("journal", id, "--type", "checkpoint_discarded")).out).toBe("");
    gate.abort();
    await driven;
    await app.close();
  });

  it("are set aside by resume --anew, which another version of the agent needs", async () => {
    const id = await waitingRun();
    const app = await desk.open({ waiter: { ...waiter, version: "2" } });
    await expect(app.drive(id)).rejects.toMatchObject({ code: "agent_changed" });
    const { err } = await desk.type("resume", id, "--anew", "--reason", "version 2 is here");
    expect(err).toContain("! a: its memory is set aside: version 2 is here");
    expect(err).not.toContain("from turn");
    expect((await app.drive(id)).end).toBe("idle");
    expect((await desk.type("checkpoints", "nowhere")).code).toBe(4);
    expect((await desk.type("cancel", id)).code).toBe(0);
    expect((await desk.type("checkpoint", id)).code).toBe(5);
  });
});
