import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore } from "../../src/stores/open.js";
import { figure } from "../helpers/figures.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { inLanes } from "./lab/lanes.js";
import { type Expected, expectedOf, lostIn, wrongAfterwards } from "./lab/outcome.js";
import { countsIn, type Lab, noStrace, openLab, type Told, type Write } from "./lab/straced.js";

/** The n-th call of its kind is not made, and answers with this; `sticky`: so does every one from then on, for a while. */
type Refusal = {
  readonly write: Write;
  readonly error: "EIO" | "ENOSPC";
  readonly at: number;
  readonly sticky: boolean;
};

/** So many calls in a row find the disk full before there is space again. */
const STICKY_CALLS = 40;

const refusing = ({ write, error, at, sticky }: Refusal): readonly string[] => [
  ...["-e", "trace=fsync,pwrite64,write"],
  ...["-e", `inject=${write}:error=${error}:when=${at}${sticky ? `..${at + STICKY_CALLS}` : ""}`],
];

let lab: Lab;
let expected: Expected;
let counts: ReadonlyMap<Write, number>;
beforeAll(async () => {
  if (noStrace !== undefined) return;
  lab = await openLab();
  const place = await lab.newPlace();
  await lab.tell(place, ["-e", "trace=fsync,pwrite64"]);
  counts = countsIn(await lab.logOf(place));
  expected = await expectedOf(place);
}, SWEEP_MS);
afterAll(() => lab?.remove());

const refusalsOf = (write: Write, error: Refusal["error"], sticky: boolean): readonly Refusal[] =>
  Array.from({ length: counts.get(write) ?? 0 }, (_, index) => ({ write, error, at: index + 1, sticky }));

type Refused = {
  readonly refused: number;
  readonly opening: boolean;
  readonly code: string;
  readonly hint: string;
  readonly sqlite: string | null;
  readonly message: string;
};

/** What a process said that lives through it and tells on, and what is wrong then. */
const endure = async (refusal: Refusal, judge: (told: Told, log: string) => readonly string[]) => {
  const place = await lab.newPlace();
  const told = await lab.tell(place, refusing(refusal), "whatever happens");
  const refusals = told.said.filter((one): one is Refused => "refused" in one);
  const faults = [
    ...(told.code === 0 ? [] : [`it ended by ${told.code}: ${told.complaint}`]),
    ...(await lostIn(place, told.acknowledged)),
    ...refusals.flatMap(({ code, hint, message }) =>
      code === "untyped" || hint === "" ? [`a refusal without a code or a hint: ${message}`] : [],
    ),
    ...judge(told, await lab.logOf(place)),
    ...(await wrongAfterwards(place, expected).catch((error: unknown) => [String(error)])),
  ];
  await rm(place, { recursive: true });
  return { refusals, faults: faults.map((fault) => `${JSON.stringify(refusal)}: ${fault}`) };
};

const sweep = async (
  what: string,
  all: readonly Refusal[],
  slice: number,
  judge: (told: Told, log: string) => readonly string[],
) => {
  const ends = await inLanes(2, sliceOf(all, sweepSize(all.length, slice)), (one) => endure(one, judge));
  const faults = ends.flatMap((end) => end.faults);
  const noticed = ends.filter(({ refusals }) => refusals.length > 0).length;
  figure("refused", ends.length, faults.length, `${what} (${noticed} refused)`);
  expect(faults).toEqual([]);
  return { runs: ends.length, noticed, refusals: ends.flatMap((end) => end.refusals) };
};

/** From the failed call on, what a process does to its files until it says that it opens again. */
const retriesIn = (log: string): readonly string[] => {
  const lines = log.split("\n");
  // Those that SQLite passed over came before it.
  const told = lines.findIndex((line) => line.includes("refused"));
  const failed = lines.slice(0, told).findLastIndex((line) => line.includes("(INJECTED)"));
  const rest = lines.slice(failed + 1);
  const until = rest.findIndex((line) => line.includes("reopening") || line.includes("acknowledged"));
  return rest.slice(0, until === -1 ? undefined : until).filter((line) => /\b(fsync|pwrite64)\(/.test(line));
};

/** While somebody is at work: what is refused on the way there is not opened, and begun anew. */
const isOfAppend = (one: Refused): boolean => !one.opening;

describe.skipIf(noStrace !== undefined)(
  `a disk that refuses (seed ${sweepSeed}; skipped where: ${noStrace ?? "never here"})`,
  () => {
    it(
      "a sync: the writer stops, says so, and syncs nothing more until it is opened again",
      async () => {
        const all = refusalsOf("fsync", "EIO", false);
        const { noticed, refusals } = await sweep("failed syncs", all, 14, (told, log) => {
          const first = told.said.find((one): one is Refused => "refused" in one);
          // SQLite passes over what it syncs besides: a folder, a checkpoint that it will make again.
          if (first === undefined || first.opening) return [];
          const after = told.said.filter(
            (one): one is Refused => one.refused === first.refused && one !== first,
          );
          return [
            ...retriesIn(log).map((call) => `it went on on the same connection: ${call}`),
            ...(after.length === 2 ? [] : [`the line was refused ${after.length + 1} times`]),
            ...after.flatMap(({ message }) => (message.includes("stopped") ? [] : [`it says: ${message}`])),
          ];
        });
        expect(noticed).toBeGreaterThan(0);
        expect(new Set(refusals.filter(isOfAppend).map(({ code }) => code))).toEqual(
          new Set(["store_unavailable"]),
        );
      },
      SWEEP_MS,
    );

    it(
      "a write: nothing that was acknowledged is lost, and whoever opens it again goes on",
      async () => {
        const { noticed } = await sweep("failed writes", refusalsOf("pwrite64", "EIO", false), 10, () => []);
        expect(noticed).toBeGreaterThan(0);
      },
      SWEEP_MS,
    );

    it(
      "because it is full: it says so, loses nothing, and goes on without being opened again",
      async () => {
        const all = [true, false].flatMap((sticky) => refusalsOf("pwrite64", "ENOSPC", sticky));
        const { noticed, refusals } = await sweep("full disks", all, 14, ({ said }) => {
          const begun = said.findIndex((one) => "acknowledged" in one);
          const again = begun === -1 ? -1 : said.findIndex((one, at) => at > begun && "reopening" in one);
          const tries = said.filter((one) => "refused" in one).length;
          return again === -1 || tries > 2 ? [] : ["it was opened again, and there was space"];
        });
        expect(noticed).toBeGreaterThan(0);
        expect(new Set(refusals.filter(isOfAppend).map(({ code }) => code))).toEqual(new Set(["no_space"]));
        expect(refusals.map(({ hint }) => hint).join()).toContain("Free some disk space");
      },
      SWEEP_MS,
    );

    it(
      "a sync, and the process dies of it: what it left is brought to the disk before anything is built on it",
      async () => {
        const syncs = sliceOf(refusalsOf("fsync", "EIO", false), 6);
        await inLanes(2, syncs, async ({ at }) => {
          const place = await lab.newPlace();
          const told = await lab.tell(place, [
            "-e",
            "trace=fsync",
            "-e",
            `inject=fsync:error=EIO:signal=SIGKILL:when=${at}`,
          ]);
          expect(told.signal).toBe("SIGKILL");
          const store = await openStore(join(place, "ledger"));
          const log = await stat(join(place, "ledger", "ledger.db-wal"));
          expect(log.size).toBe(0);
          await store.close();
          expect(await wrongAfterwards(place, expected)).toEqual([]);
        });
      },
      SWEEP_MS,
    );
  },
);
