import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { exportRun } from "../../../src/ui/cli/commands/housekeeping.js";
import { runCli } from "../../../src/ui/cli/program.js";
import { CAST, type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";

let desk: Desk;
let done: string;
beforeAll(async () => {
  desk = await openDesk(shop);
  done = await run([step("a", "maker"), step("b", "maker", { depends_on: ["a"] })]);
});
afterAll(() => desk.dispose());
afterEach(() => void vi.useRealTimers());

const run = async (steps: readonly object[], ...options: string[]): Promise<string> =>
  (await desk.type("run", await planOf(desk, "plan.json", steps), "--quiet", ...options)).out.trim();
/** The settings of before, and new runs are sealed. */
const sealed = async (work: () => Promise<void>): Promise<void> => {
  const file = join(desk.repo, "runledger.yaml");
  const before = await readFile(file, "utf8");
  await writeFile(file, `${before}\ndurable: { encryption: true }\n`);
  try {
    await work();
  } finally {
    await writeFile(file, before);
  }
};
const seqs = (out: string): number[] =>
  out
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { seq: number }).seq);
const hoursLater = (hours: number) =>
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });

describe("journal", () => {
  it("is paged by cursor", async () => {
    const page = async (since: number) =>
      seqs((await desk.type("journal", done, "--json", "--limit", "3", "--since", String(since))).out);
    expect(await page(0)).toEqual([1, 2, 3]);
    expect(await page(3)).toEqual([4, 5, 6]);
    expect((await desk.type("journal", done, "--limit", "0")).code).toBe(2);
  });

  it("--follow prints what is recorded while it is recorded, and ends with the run", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const following = desk.type("journal", id, "--follow", "--json");
    expect((await desk.type("resume", id)).code).toBe(0);
    const { code, out } = await following;
    const { out: whole } = await desk.type("journal", id, "--json");
    expect([code, out]).toEqual([0, whole]);
  });

  it("--follow of a run that waits ends with Ctrl-C", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const interrupted = AbortSignal.timeout(300);
    const { code, out } = await desk.typeWith({ interrupted }, "journal", id, "--follow", "--json");
    expect([code, seqs(out)]).toEqual([0, [1, 2]]);
  });
});

describe("fork", () => {
  it("begins a new run from an event of another, says so in show, and is made once for one key", async () => {
    const { out, code } = await desk.type("fork", done, "--at", "6", "--idempotency-key", "f1");
    const id = out.trim();
    expect(code).toBe(0);
    expect((await desk.type("fork", done, "--at", "6", "--idempotency-key", "f1")).out.trim()).toBe(id);
    expect((await desk.type("show", id)).out).toMatch(new RegExp(`forked +from ${done}, event 6`));
    expect((await desk.type("resume", id)).code).toBe(0);
    expect(await desk.json("fork", done)).toMatchObject({ type: "summary", forkedFrom: { runId: done } });
  });

  it("refuses an event that is not there, and the end of a run", async () => {
    expect(await desk.type("fork", done, "--at", "999")).toMatchObject({
      code: 2,
      err: expect.stringMatching(/There is no event 999/),
    });
    const { lastSeq } = (
      (await desk.json("list", "--limit", "50")).runs as { runId: string; lastSeq: number }[]
    ).find(({ runId }) => runId === done) ?? { lastSeq: 0 };
    expect(await desk.type("fork", done, "--at", String(lastSeq))).toMatchObject({
      code: 5,
      err: expect.stringMatching(/Fork it at an earlier event/),
    });
  });
});

describe("export and import", () => {
  it("go through a pipe, a file and a compressed file, and end in the same run", async () => {
    const { out } = await desk.type("export", done);
    const [plain, packed] = [join(desk.place, "run.jsonl"), join(desk.place, "run.jsonl.gz")];
    expect((await desk.type("export", done, "-o", plain)).out.trim()).toBe(plain);
    expect(await desk.json("export", done, "-o", packed)).toMatchObject({ runId: done, file: packed });
    const withoutTime = (text: string) => text.replace(/"exportedAt":"[^"]*"/, "");
    expect(withoutTime(await readFile(plain, "utf8"))).toBe(withoutTime(out));
    expect(withoutTime(gunzipSync(await readFile(packed)).toString())).toBe(withoutTime(out));
    const other = await openDesk(shop);
    try {
      const arrived = await other.json("import", packed);
      expect(arrived).toMatchObject({ runId: done, status: "completed", arrived: true });
      expect(await other.json("import", plain)).toMatchObject({ arrived: false });
      // However small the pieces are in which it comes, it is known whether it is compressed.
      for (const file of [plain, packed]) {
        const bytes = await readFile(file);
        const input = Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]);
        const piped = await other.typeWith({ input }, "import", "-");
        expect([piped.code, piped.out, piped.err]).toEqual([
          0,
          `${done}\n`,
          expect.stringContaining("was here already"),
        ]);
      }
      expect((await other.type("show", done)).out).toMatch(/imported +from ledger [0-9a-f]{32}/);
    } finally {
      await other.dispose();
    }
  });

  it("say one thing of a run whose first commit is not here, and what brings it", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const lost = await run([step("a", "maker")], "--no-drive");
    const [file, second] = [join(desk.place, "elsewhere.jsonl"), join(desk.place, "lost.jsonl")];
    await desk.type("export", id, "-o", file);
    await desk.type("export", lost, "-o", second);
    const other = await openDesk({ ...shop, "only-here.txt": "x\n" });
    try {
      const { err } = await other.type("import", file);
      expect(err).toMatch(/can be read, not resumed or applied.*git fetch/);
      expect(err).not.toMatch(/Go on here/);
      expect((await other.type("apply", id)).err).toMatch(
        /^error \[no_commits\]: The commits of run .* are not here/,
      );
      await other.type("import", second);
      expect((await other.type("resume", lost)).err).toMatch(/The commits of run .* are not here/);
      other.git("fetch", "--quiet", desk.repo, "main");
      expect((await other.type("import", file)).err).toMatch(/It is paused. Go on here: runledger resume/);
      expect((await other.type("resume", id)).code).toBe(0);
    } finally {
      await other.dispose();
    }
  });

  /** Types an export into a reader that is told of each piece, and says when it has taken it. */
  const exportInto = (
    reader: (piece: Buffer, taken: (error?: Error) => void) => void,
    interrupted: AbortSignal,
  ) => {
    const out = new Writable({
      highWaterMark: 1,
      write: (piece: Buffer, _encoding, taken) => reader(piece, taken),
    });
    const { env, repo: cwd } = desk;
    const err = new PassThrough();
    const code = runCli(["export", done], { out, err, env, cwd, live: false, colours: false, interrupted });
    return { out, code };
  };

  it("go no faster than their reader, however slow", async () => {
    let [longest, waiting] = [0, 0];
    const { out, code } = exportInto((piece, taken) => {
      longest = Math.max(longest, piece.length);
      waiting = Math.max(waiting, out.writableLength);
      setImmediate(taken);
    }, new AbortController().signal);
    expect(await code).toBe(0);
    expect(waiting).toBe(longest);
  });

  it("end when nobody reads any more: with Ctrl-C, and with a reader that went away", async () => {
    const ctrlC = new AbortController();
    const stuck = exportInto(() => ctrlC.abort(), ctrlC.signal);
    expect(await stuck.code).toBe(130);
    const gone = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    const { code } = exportInto((_piece, taken) => taken(gone), new AbortController().signal);
    expect(await code).toBe(130);
  });

  it("leave no file behind that is not whole, and none by the final name before it is", async () => {
    const folder = await mkdtemp(join(desk.place, "out-"));
    const file = join(folder, "run.jsonl");
    const ctrlC = new AbortController();
    const app = await desk.open();
    const seen: string[][] = [];
    const watched = async function* (runId: string) {
      for await (const line of app.exportRun(runId)) {
        seen.push(await readdir(folder));
        if (seen.length === 3) ctrlC.abort();
        yield line;
      }
    };
    const output = { out: new PassThrough(), err: new PassThrough(), json: false, quiet: false };
    const exported = (interrupted: AbortSignal) =>
      exportRun(
        { ...app, exportRun: watched },
        { ...output, live: false, colour: false, columns: undefined, redact: app.redact },
        done,
        file,
        interrupted,
      );
    expect(await exported(ctrlC.signal)).toBe(130);
    expect(await readdir(folder)).toEqual([]);
    expect(await exported(new AbortController().signal)).toBe(0);
    expect(await readdir(folder)).toEqual(["run.jsonl"]);
    expect(seen.every((names) => names.length === 1 && !names.includes("run.jsonl"))).toBe(true);
  });

  it("do not write over a file, and refuse one that is not there, cut off, or something else", async () => {
    const there = join(desk.place, "there.txt");
    await writeFile(there, "mine");
    expect(await desk.type("export", done, "-o", there)).toMatchObject({ code: 2 });
    expect(await readFile(there, "utf8")).toBe("mine");
    expect(await desk.type("import", join(desk.place, "none"))).toMatchObject({ code: 4 });
    expect((await desk.type("import", desk.place)).err).toMatch(/^error \[invalid_input\]/);
    expect((await desk.type("import", there)).err).toMatch(/^error \[bundle_invalid\]: Line 1 .*no JSON/);
    const { out } = await desk.type("export", done);
    await writeFile(there, out.slice(0, out.length / 2));
    expect((await desk.type("import", there)).err).toMatch(/^error \[bundle_invalid\]/);
    await writeFile(there, Buffer.from([0x1f, 0x8b, 8, 0, 0]));
    expect((await desk.type("import", there)).err).toMatch(/no whole gzip file/);
  });
});

describe("prune and gc", () => {
  it("keep all runs when the settings say 0, but for who asks to keep none", async () => {
    hoursLater(2);
    const unlimited = async (...argv: string[]) => {
      await desk.write({ "runledger.yaml": `${CAST}runLedger: { maxRunHistory: 0 }\n` });
      try {
        return (await desk.json("prune", ...argv)).runs;
      } finally {
        await desk.write({ "runledger.yaml": CAST });
      }
    };
    expect(await unlimited("--dry-run")).toEqual([]);
    expect(await unlimited()).toEqual([]);
    expect(await unlimited("--keep", "0", "--dry-run")).not.toEqual([]);
  });

  it("say what would go, let it go, and bring it back", async () => {
    const stays = (await desk.type("prune", "--keep", "0")).err;
    expect(stays).toContain(
      "There is nothing to remove; what may hold finished runs back: runledger help prune",
    );
    hoursLater(2);
    const before = (await desk.json("list", "--limit", "50")).runs as unknown[];
    const would = (await desk.json("prune", "--keep", "0", "--dry-run")).runs as { runId: string }[];
    expect(would.map(({ runId }) => runId)).toContain(done);
    expect((await desk.json("list", "--limit", "50")).runs).toHaveLength(before.length);
    const told = await desk.type("prune", "--older-than", "1h", "--dry-run");
    expect(told.out).toMatch(new RegExp(`${done} +yes +age +[\\d.]+ KiB +`));
    expect(told.err).toMatch(/^It would free about [\d.]+ KiB of events and 0 B of output \(0 pieces\)\.$/m);
    expect((await desk.type("prune", "--max-bytes", "1GiB")).err).toContain("There is nothing to remove;");
    for (const wrong of [
      ["--older-than", "old"],
      ["--max-bytes", "much"],
      ["--keep", "-1"],
    ])
      expect(await desk.type("prune", ...wrong)).toMatchObject({ code: 2 });
    const { out, err } = await desk.type("prune", "--keep", "0");
    expect(err).toMatch(/^Freed about .+ of events and .+; the database's file is [\d.]+ .*B smaller\.$/m);
    const [, archive = ""] = new RegExp(`${done} +(\\S+)`).exec(out) ?? [];
    expect(await desk.type("show", done)).toMatchObject({
      code: 4,
      err: expect.stringContaining(`runledger import ${archive}`),
    });
    expect((await desk.type("gc", "--dry-run")).out).toMatch(/git objects +known when they are removed/);
    expect(await desk.json("gc")).toMatchObject({ dryRun: false, storeBytes: expect.any(Number) });
    expect(await desk.json("gc", "--vacuum")).toMatchObject({ fileBytes: expect.any(Number) });
    expect((await desk.type("import", archive)).code).toBe(0);
    expect((await desk.type("patch", done)).code).toBe(0);
    expect((await desk.json("show", done)).waiting).toMatchObject({ for: "nothing" });
  });
});

describe("--idempotency-key", () => {
  it("lets a script say a thing twice that is done once", async () => {
    const id = await run([step("a", "maker")], "--no-drive");
    const events = async () => seqs((await desk.type("journal", id, "--json")).out).length;
    for (const [first, ...rest] of [
      ["note", id, "k", "v"],
      ["pause", id],
      ["cancel", id],
    ] as const) {
      const argv = [first, ...rest, "--idempotency-key", `key-${first}`];
      await desk.type(...argv);
      const after = await events();
      expect((await desk.type(...argv)).code).toBe(0);
      expect(await events()).toBe(after);
    }
  });
});

describe("erase", () => {
  it("names the runs that stay and may hold what it told, before and after, and does nothing before", async () => {
    await sealed(async () => {
      const id = await run([step("a", "maker")]);
      const fork = (await desk.type("fork", id)).out.trim();
      const named = `may hold what it told: ${fork} (fork of ${id}).`;
      const asked = await desk.type("erase", id);
      expect([asked.code, asked.out]).toEqual([2, ""]);
      expect(asked.err).toContain(named);
      expect(asked.err).toContain(`runledger erase ${id} --yes`);
      const tried = await desk.type("erase", id, "--dry-run");
      expect([tried.code, tried.out.trim()]).toEqual([0, id]);
      expect(tried.err).toContain(named);
      const going = await run([step("a", "maker")], "--no-drive");
      expect((await desk.type("erase", going, "--dry-run")).err).toContain("only a finished run is erased");
      expect((await desk.type("erase", done, "--dry-run")).err).toContain("run_not_sealed");
      expect((await desk.type("show", id)).code).toBe(0);
      const erased = JSON.parse((await desk.type("erase", id, "--yes", "--json")).out);
      expect(erased).toMatchObject({
        dryRun: false,
        relatives: [{ runId: fork, relation: "fork", of: id, status: "completed", seal: "open" }],
      });
      expect((await desk.type("show", id)).err).toContain("run_erased");
    });
  });
});
