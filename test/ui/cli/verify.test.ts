import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

const desks: Desk[] = [];
const open = async (): Promise<{ desk: Desk; runId: string; data: string }> => {
  const desk = await openDesk(shop);
  desks.push(desk);
  const plan = await planOf(desk, "plan.json", [step("a", "maker")]);
  const runId = (await desk.type("run", plan)).out.trim();
  return { desk, runId, data: join(desk.place, "data") };
};
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.dispose();
});

const spoil = (data: string, statement: string): void => {
  const db = new Database(join(data, "ledger.db"));
  const trigger = db
    .prepare("SELECT sql FROM sqlite_schema WHERE name = 'events_never_change'")
    .pluck()
    .get();
  db.exec(`DROP TRIGGER events_never_change; ${statement}; ${String(trigger)}`);
  db.close();
};

describe("verify", () => {
  it("says that all is as it was written, of the ledger and of one run", async () => {
    const { desk } = await open();
    const all = await desk.type("verify");
    expect(all.code).toBe(0);
    expect(all.out).toMatch(
      /^1 run, \d+ events, 1 blob, 1 snapshot, 0 keys, 1 receipt: all as it was written\.\n$/,
    );
    expect(all.err).toMatch(/^The anchor holds, at position \d+\.\n$/);
    expect((await desk.type("verify", "last")).out).toBe(all.out);
    expect(await desk.type("verify", "--quiet")).toEqual({ code: 0, out: all.out, err: "" });
  });

  it("names run and event of what is not, and ends with 1", async () => {
    const { desk, runId, data } = await open();
    spoil(data, "UPDATE events SET actor_name = 'eve' WHERE seq = 4");
    const { code, out } = await desk.type("verify");
    expect(code).toBe(1);
    expect(out).toContain(`${runId}      4  journal  It is not as it was written.`);
    expect(out).toMatch(/: 1 not as written\.\n$/);
    expect((await desk.type("verify", runId, "--json")).code).toBe(1);
    expect(await desk.json("verify", runId)).toMatchObject({
      flaws: [{ kind: "chain", runId, seq: 4, message: "It is not as it was written." }],
      flawsInAll: 1,
    });
  });

  it("of which one run cannot be loaded is listed all the same, that one without its usage", async () => {
    const { desk, runId, data } = await open();
    const other = (await desk.type("run", await planOf(desk, "other.json", [step("a", "maker")]))).out.trim();
    const tampered = `UPDATE events SET actor_name = 'eve' WHERE run_id = '${runId}' AND seq = 4`;
    spoil(data, `${tampered}; DELETE FROM snapshots`);
    const { runs } = await desk.json("list");
    expect(runs).toMatchObject([
      { runId: other, usage: expect.objectContaining({ calls: 0 }) },
      { runId, quarantine: null, usage: null },
    ]);
  });

  it("looks at a ledger that no other command opens any more, and says what to do", async () => {
    const { desk, data } = await open();
    spoil(data, "UPDATE meta SET value = 'f00d' WHERE key = 'ledger_id'");
    const refused = await desk.type("list");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(
      "error [ledger_behind]: The ledger's database is not the one that was written last",
    );
    expect(refused.err).toContain(`rm "${join(data, "ledger.anchor")}"`);
    const doctor = await desk.type("doctor");
    expect([doctor.code, doctor.out]).toEqual([1, expect.stringContaining("another ledger")]);
    const { code, out, err } = await desk.type("verify");
    expect([code, err]).toEqual([1, "The database is behind its anchor.\n"]);
    expect(out).toContain("its anchor is that of another ledger");
    await rm(join(data, "ledger.anchor"));
    expect(await desk.json("verify")).toMatchObject({
      flaws: expect.arrayContaining([
        { kind: "receipt", runId: null, seq: null, message: expect.stringContaining("signing key 1") },
      ]),
    });
    await rm(join(data, "receipts"), { recursive: true });
    expect((await desk.type("verify")).err).toContain("There is no anchor");
    expect((await desk.type("doctor")).out).toContain("It was missing, and has been made anew.");
    expect((await desk.type("verify")).code).toBe(0);
    await writeFile(join(data, "ledger.anchor"), "garbage", { flag: "r+" });
    expect((await desk.type("doctor")).out).toMatch(/! +anchor +1 of its records is not as written/);
  });

  it("makes no ledger where there is none", async () => {
    const desk = await openDesk({ "README.md": "# New\n" });
    desks.push(desk);
    const first = await desk.type("verify");
    expect(first).toMatchObject({ code: 4, err: expect.stringContaining("There is no ledger in") });
    expect(await desk.type("verify")).toEqual(first);
  });
});
