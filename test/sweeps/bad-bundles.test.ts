import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/canonical.js";
import type { RunLedger } from "../../src/index.js";
import {
  DEEP,
  type Hurt,
  heldBy,
  newTally,
  ODD_VALUES,
  type Pick,
  pickFrom,
  tried,
} from "../helpers/bad-input.js";
import { brokenLines, brokenText } from "../helpers/bad-text.js";
import {
  buggySum,
  FIXED_SUM,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const CASES = sweepSize(10_000, 300);

type Line = Record<string, unknown> & { line: string };
/** The lines of a bundle while one thing after the other is done to it, and the bytes when that is beyond lines. */
type Draft = { lines: Line[]; text?: string; bytes?: Buffer };
type HurtBundle = (draft: Draft, pick: Pick) => void;

const textOf = ({ lines, text }: Draft): string =>
  text ?? lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const bytesOf = (draft: Draft): Buffer => draft.bytes ?? Buffer.from(textOf(draft));

const ofKind = ({ lines }: Draft, kind: string): Line[] => lines.filter(({ line }) => line === kind);
const inOne =
  (kind: string, change: (line: Line, pick: Pick) => void): HurtBundle =>
  (draft, pick) => {
    const candidates = ofKind(draft, kind);
    if (candidates.length > 0) change(pick.of(candidates), pick);
  };
const setting = (kind: string, key: string, values: readonly unknown[]): HurtBundle =>
  inOne(kind, (line, pick) => {
    line[key] = pick.of(values);
  });

/** Hashes every event anew, as somebody would who wants an altered history to look whole. */
const rehash = (draft: Draft): void => {
  const [header] = ofKind(draft, "header");
  let prevHash = "0".repeat(64);
  for (const event of ofKind(draft, "event")) {
    const { seq, type, version, at, actor, sessionKey, attempt, payload } = event;
    event.prevHash = prevHash;
    const facts = { runId: header?.runId, seq, type, version, at, actor, sessionKey, attempt, prevHash };
    prevHash = sha256(`${canonicalJson(facts)}\n${payload}`);
    event.hash = prevHash;
  }
  if (header !== undefined) header.lastHash = prevHash;
};
const rehashed =
  (hurt: HurtBundle): HurtBundle =>
  (draft, pick) => {
    hurt(draft, pick);
    rehash(draft);
  };

const OTHER_HASH = sha256("another");
const NO_COUNTS = [0, -1, 1.5, "3", null, 1e300, 99, 2_000_000];

const hurtBundle = {
  otherFormat: setting("header", "format", ["zip", "", null, 7]),
  otherVersion: setting("header", "version", [0, 2, -1, "1", null]),
  otherRunId: setting("header", "runId", ["", "run_x", "../../etc", "x".repeat(300), null, 7, "__proto__"]),
  otherCount: setting("header", "events", NO_COUNTS),
  otherBlobs: setting("header", "blobs", [...NO_COUNTS.slice(1), 7]),
  otherLastHash: setting("header", "lastHash", [OTHER_HASH, "", "0", null]),
  otherLedger: setting("header", "ledgerId", ["", "x", null, "g".repeat(32)]),
  commitsDenied: setting("header", "commits", [false, "yes", null]),
  otherTime: setting("header", "exportedAt", ["yesterday", "", null, 7]),
  unknownKey: (draft, pick) => {
    const key = pick.of(["extra", "constructor", "toString"]);
    pick.of(draft.lines)[key] = pick.of(ODD_VALUES);
  },
  keyGone: (draft, pick) => {
    const line = pick.of(draft.lines);
    delete line[pick.of(Object.keys(line))];
  },
  alteredPayload: inOne("event", (line, pick) => {
    const payload = String(line.payload);
    const at = pick.below(payload.length);
    line.payload = `${payload.slice(0, at)}${pick.of(["x", " ", "7"])}${payload.slice(at)}`;
  }),
  alteredActor: setting("event", "actor", [{ name: "eve", role: "human" }, { name: "x" }, null, "human", []]),
  alteredTime: setting("event", "at", ["2001-01-01T00:00:00.000Z", "now", null]),
  alteredAttempt: setting("event", "attempt", [99, -1, 1.5, "1"]),
  alteredHash: inOne("event", (line, pick) => {
    line[pick.of(["hash", "prevHash"])] = pick.of([OTHER_HASH, "", null, 7, "G".repeat(64)]);
  }),
  alteredSeq: setting("event", "seq", [0, -1, 99, 1.5, "1", null]),
  otherSeqs: rehashed(setting("event", "seq", [2, 99])),
  unknownType: rehashed(setting("event", "type", ["run_teleported", "", "constructor", "__proto__"])),
  laterVersion: rehashed(setting("event", "version", [3, 99, 1e300])),
  otherPayload: rehashed(
    inOne("event", (line, pick) => {
      line.payload = pick.of([
        "{}",
        "",
        "null",
        "[]",
        "7",
        "{",
        '{"goal":7}',
        `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
      ]);
    }),
  ),
  noBeginning: rehashed((draft) => {
    const [first] = ofKind(draft, "event");
    draft.lines = draft.lines.filter((line) => line !== first);
    for (const [at, event] of ofKind(draft, "event").entries()) event.seq = at + 1;
    const [header] = ofKind(draft, "header");
    if (header) header.events = ofKind(draft, "event").length;
  }),
  eventGone: (draft, pick) => {
    const gone = pick.of(ofKind(draft, "event"));
    draft.lines = draft.lines.filter((line) => line !== gone);
  },
  eventTwice: (draft, pick) => {
    const twice = pick.of(ofKind(draft, "event"));
    draft.lines.splice(draft.lines.indexOf(twice), 0, { ...twice });
  },
  eventsSwapped: (draft, pick) => {
    const at = 1 + pick.below(ofKind(draft, "event").length - 1);
    draft.lines.splice(at, 2, ...draft.lines.slice(at, at + 2).reverse());
  },
  otherBlob: setting("blob", "data", ["", "AAAA", "not base64!", null, 7, "A"]),
  otherBlobHash: setting("blob", "hash", [OTHER_HASH, "", "../../x", null]),
  blobNobodyNames: (draft) => {
    const [header] = ofKind(draft, "header");
    const at = draft.lines.findIndex(({ line }) => line === "blob");
    const data = Buffer.from("nobody");
    draft.lines.splice(at, 0, { line: "blob", hash: sha256(data), data: data.toString("base64") });
    if (header) header.blobs = Number(header.blobs) + 1;
  },
  otherPack: inOne("commits", (line, pick) => {
    const pack = Buffer.from(String(line.pack), "base64");
    const at = pick.below(pack.length);
    pack[at] = (pack[at] ?? 0) ^ (1 << pick.below(8));
    line.pack = pick
      .of([pack, pack.subarray(0, at), Buffer.alloc(0), Buffer.from("PACK")])
      .toString("base64");
  }),
  otherRefs: setting("commits", "refs", [
    { base: "a".repeat(40) },
    { "../../heads/main": "a".repeat(40) },
    { base: "HEAD" },
    { [`kept/${"b".repeat(40)}`]: "b".repeat(40) },
    null,
    [],
  ]),
  otherOrigin: setting("commits", "origin", ["HEAD", "", null, "--all", "a".repeat(39)]),
  moreLines: (draft, pick) => {
    draft.lines.push(pick.of(draft.lines));
  },
  noBundle: (draft, pick) => {
    draft.text = pick.of([
      "",
      "\n",
      "\n\n\n",
      "{}",
      "[]",
      "7",
      "null",
      "hello",
      `[${"[".repeat(100_000)}`,
      "{".repeat(50_000),
    ]);
  },
  endless: (draft, pick) => {
    draft.text = pick.of(["x", '"', "[", " ", "\n", "{}\n"]).repeat(500_000);
  },
  noUtf8: (draft, pick) => {
    const bytes = Buffer.from(textOf(draft));
    bytes[pick.below(bytes.length)] = pick.of([0xff, 0xc0, 0x80]);
    draft.bytes = bytes;
  },
  brokenText: (draft, pick) => {
    draft.text = pick.of(Object.values(brokenText))(textOf(draft), pick);
  },
  brokenLines: (draft, pick) => {
    draft.text = pick.of(Object.values(brokenLines))(textOf(draft), pick);
  },
} satisfies Readonly<Record<string, HurtBundle>>;

type Kind = keyof typeof hurtBundle;
const KINDS = Object.keys(hurtBundle) as Kind[];
/** These leave no lines behind for others to look at. */
const LAST: readonly Kind[] = ["noBundle", "endless", "brokenText", "brokenLines", "noUtf8"];
const inOrder = (hurts: readonly Hurt<Kind>[]): readonly Hurt<Kind>[] =>
  hurts.toSorted((a, b) => LAST.indexOf(a.kind) - LAST.indexOf(b.kind));

const bad: fc.Arbitrary<readonly Hurt<Kind>[]> = fc.array(
  fc.record({ kind: fc.constantFrom(...KINDS), seed: fc.nat() }),
  { minLength: 1, maxLength: 3 },
);

/** What a bundle says, but for when it was written, the order of its output, and how git packed its commits. */
const contentOf = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { exportedAt: _at, pack: _pack, commits: _commits, ...content } = JSON.parse(line) as Line;
      return content;
    })
    .filter(({ line }) => line !== "commits")
    .sort((a, b) => `${a.line} ${a.seq ?? a.hash}`.localeCompare(`${b.line} ${b.seq ?? b.hash}`, "en"));

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

describe("malformed bundles", () => {
  let shop: Sample;
  let good: string;
  let runId: string;
  beforeAll(async () => {
    shop = await makeSample(buggySum);
    const app = await shop.open({
      coder: async ({ workspace }) => {
        await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
        return "fixed";
      },
    });
    const input = { plan: onePlan(), sessionKey: SESSION, originalRequest: "try" };
    ({ runId } = (await app.drive((await app.createRun(person(app), input)).runId)).run);
    const lines: string[] = [];
    for await (const line of app.exportRun(runId)) lines.push(line);
    good = lines.join("");
  });
  afterAll(() => shop.dispose());

  /** The same project with an empty ledger. */
  const newTarget = async (name: string): Promise<RunLedger> => {
    const { openRunLedger } = await import("../../src/index.js");
    const env = { ...shop.env, RUNLEDGER_HOME: join(shop.place, name) };
    return openRunLedger({ projectDir: shop.repo, env });
  };
  const refsOf = ({ dataDir }: RunLedger): string =>
    execFileSync("git", ["--git-dir", join(dataDir, "store.git"), "for-each-ref"], { encoding: "utf8" });

  it(
    `of ${CASES} each is refused by line, and nothing is appended`,
    async () => {
      let target = await newTarget("target-0");
      let targets = 1;
      const before = await heldBy(target.ledger.store);
      const tally = newTally("bundles");
      try {
        await fc.assert(
          fc.asyncProperty(bad, async (hurts) => {
            const draft: Draft = {
              lines: good
                .trimEnd()
                .split("\n")
                .map((line) => JSON.parse(line) as Line),
            };
            for (const { kind, seed } of inOrder(hurts)) hurtBundle[kind](draft, pickFrom(seed));
            const bytes = bytesOf(draft);
            const answer = await tried(() => target.importRun(person(target), inPieces(bytes)), "refusal");
            if ("refusal" in answer) {
              const { code, message } = answer.refusal;
              expect(code).toBe("bundle_invalid");
              expect(message).toMatch(
                /Line \d+ of|no bundle: it does not begin|ends where|commits of|last event/,
              );
              expect(await heldBy(target.ledger.store)).toEqual(before);
              expect(refsOf(target)).toBe("");
              tally.refused(hurts, code);
              return;
            }
            tally.accepted(hurts);
            // What is taken in is whole: it can be read, and leaves again as the same history.
            const { run } = answer.value;
            expect((await target.view(run.runId)).run).toEqual(run);
            const again: string[] = [];
            for await (const line of target.exportRun(run.runId)) again.push(line);
            expect(contentOf(again.join(""))).toEqual(contentOf(bytes.toString()));
            await target.close();
            target = await newTarget(`target-${targets}`);
            targets += 1;
          }),
          {
            numRuns: CASES,
            seed: sweepSeed,
            examples: KINDS.map((kind): [readonly Hurt<Kind>[]] => [[{ kind, seed: sweepSeed }]]),
          },
        );
      } finally {
        await target.close();
      }
      tally.expectWide({ kinds: KINDS, codes: ["bundle_invalid"] });
    },
    SWEEP_MS,
  );

  it("and the one they were made from is taken in", async () => {
    const target = await newTarget("target-good");
    try {
      const done = await target.importRun(person(target), inPieces(Buffer.from(good)));
      expect(done).toMatchObject({ arrived: true, commits: "here", run: { runId } });
    } finally {
      await target.close();
    }
  });
});
