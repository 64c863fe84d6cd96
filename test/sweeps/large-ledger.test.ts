import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import Database from "better-sqlite3";
import { afterEach, expect, it, vi } from "vitest";
import type { RunLedger } from "../../src/index.js";
import { buggySum, makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";
import { SWEEP_MS, sliceOf, sweepSize } from "../helpers/sweep.js";

let shop: Sample | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await shop?.dispose();
});

const MEBIBYTE = 1024 ** 2;
const NOTE_CHARS = 18_000;
/** One run is about 1.2 MB, and each tenth goes on. */
const NOTES = 60;

/** Runs written as people and agents write them, event by event, many of them at a time. */
const fill = async (app: RunLedger, bytes: number): Promise<{ finished: string[]; running: string[] }> => {
  const [finished, running]: [string[], string[]] = [[], []];
  const one = async (at: number): Promise<void> => {
    const plan = onePlan({}, { goal: `number ${at}` });
    const { runId } = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
    for (let note = 0; note < NOTES; note += 1) {
      const value = `${at} ${note} `.padEnd(NOTE_CHARS, "lorem ipsum ");
      await app.ledger.submit(runId, { type: "write_note", key: `k${note % 3}`, value }, person(app));
    }
    if (at % 10 === 0) return void running.push(runId);
    await app.ledger.submit(runId, { type: "cancel_run", reason: "enough" }, person(app));
    finished.push(runId);
  };
  for (let at = 0; (await app.ledger.store.space()).usedBytes < bytes; at += 20)
    await Promise.all(Array.from({ length: 20 }, (_, offset) => one(at + offset)));
  return { finished, running };
};

const allOf = async (app: RunLedger): Promise<string[]> => {
  const found: string[] = [];
  for (let after = {}; ; ) {
    const page = await app.ledger.list({ limit: 50, ...after });
    found.push(...page.map(({ runId }) => runId));
    const last = page.at(-1);
    if (page.length < 50 || last === undefined) return found;
    after = { afterRunId: last.runId };
  }
};

/** Each is read from its first event on, with its chain. */
const readAnew = async (app: RunLedger, runIds: readonly string[]): Promise<void> => {
  for (const runId of sliceOf(runIds, 50)) {
    const { seq } = await app.ledger.load(runId);
    expect((await app.ledger.events(runId, 0, 1_000_000)).map((event) => event.seq)).toEqual(
      Array.from({ length: seq }, (_, at) => at + 1),
    );
  }
};

it(
  "A ledger of a gigabyte is listed, read and written, gets half as large while others write, and loses no event",
  async () => {
    const size = sweepSize(1_024, 48) * MEBIBYTE;
    shop = await makeSample({ ...buggySum, "runledger.yaml": "runLedger: { workspaceIsolation: false }\n" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 72 * 3_600_000 });
    const { finished, running } = await fill(await shop.open(), size);
    vi.useRealTimers();
    const [app, other] = [await shop.open(), await shop.open()];
    expect((await allOf(app)).sort()).toEqual([...finished, ...running].sort());
    await readAnew(app, [...finished, ...running]);

    const [busy = ""] = running;
    const before = (await other.ledger.load(busy)).seq;
    let written = 0;
    let going = true;
    const writing = (async () => {
      while (going) {
        const note = { type: "write_note", key: "k", value: String(written) } as const;
        await other.ledger.submit(busy, note, person(other));
        written += 1;
      }
    })();
    const { runs, fileBytes } = await app.prune({ maxBytes: size / 2 }).finally(() => {
      going = false;
    });
    await writing;

    expect(new Set(runs.map(({ beyond }) => beyond))).toEqual(new Set(["size"]));
    const gone = runs.map(({ runId }) => runId);
    // Of those that were written at the same time, any may be the older one.
    expect(finished.slice(0, gone.length - 40).every((runId) => gone.includes(runId))).toBe(true);
    const { usedBytes } = await app.ledger.store.space();
    expect(usedBytes).toBeLessThan(size / 2);
    expect(usedBytes).toBeGreaterThan(size / 3);
    // Others wrote meanwhile, so that a step may have found the lock taken.
    const rest = (await app.collectGarbage()).fileBytes ?? 0;
    expect((fileBytes ?? 0) + rest).toBeGreaterThan(size / 3);
    expect((await stat(join(app.dataDir, "ledger.db"))).size).toBeLessThan(size * 0.6);
    expect(written).toBeGreaterThan(10);
    expect((await other.ledger.load(busy)).seq).toBe(before + written);

    const left = [...finished.filter((runId) => !gone.includes(runId)), ...running];
    const anew = await shop.open();
    expect((await allOf(anew)).sort()).toEqual(left.sort());
    await readAnew(anew, left);
    for (const { runId, archive } of sliceOf(runs, 5)) {
      const bytes = createReadStream(archive ?? "").pipe(createGunzip());
      expect(await anew.importRun(person(anew), bytes), runId).toMatchObject({ arrived: true });
      await readAnew(anew, [runId]);
    }
    const db = new Database(join(app.dataDir, "ledger.db"), { readonly: true });
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    db.close();
  },
  SWEEP_MS,
);
