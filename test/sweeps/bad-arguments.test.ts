import { readdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorKinds } from "../../src/core/errors.js";
import { EXIT } from "../../src/ui/cli/exit-codes.js";
import { type Hurt, heldBy, newTally, ODD_TEXTS, type Pick, pickFrom, tried } from "../helpers/bad-input.js";
import { openDesk, planOf, shop, step, type Typed } from "../helpers/cli.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const CASES = sweepSize(10_000, 300);

/** Words of a line; the command's own come first. */
type Words = string[];
/** Does one thing wrong to a line, and says what the refusal must name; undefined where there is nothing to hurt. */
type HurtLine = (words: Words, pick: Pick) => string | undefined;

const VALUED = ["--limit", "--since", "--attempt", "--runs", "--proposal", "--status", "--type", "--agent"];
const NUMBERS = ["--limit", "--since", "--attempt", "--runs", "--proposal"];
const NO_NUMBERS = ["-1", "1.5", "1e3", "NaN", "", " ", "0x10", "9".repeat(40), "١", "--", "ten", "1\0"];

const optionIn = (words: Words, options: readonly string[]): number =>
  words.findIndex((word) => options.includes(word));

/** Puts another value behind an option that is there. */
const optionValue =
  (options: readonly string[], values: readonly string[], named?: string): HurtLine =>
  (words, pick) => {
    const at = optionIn(words, options);
    if (at < 0) return undefined;
    words[at + 1] = pick.of(values);
    return named ?? words[at];
  };

const insert = (words: Words, pick: Pick, ...more: Words): void => {
  words.splice(1 + pick.below(words.length), 0, ...more);
};

const runAt = (words: Words): number => words.findIndex((word) => /^run_/.test(word));

const hurtLine = {
  unknownCommand: (words, pick) => {
    words[0] = pick.of(["rnu", "RUN", "lst", "\u202elist", "exec", "x".repeat(50_000), "run_list", "."]);
    return "Unknown command";
  },
  unknownOption: (words, pick) => {
    const option = pick.of(["--nope", "--stauts", "-z", "--json5", "--limit5", "---", "--=x", "-🙂"]);
    words.push(option);
    return "Unknown option";
  },
  unicodeDash: (words, pick) => {
    words.push(
      pick.of(["\u2013\u2013json", "\u2014limit", "\u2212q", "\uff0d\uff0dquiet"]),
      "a",
      "b",
      "c",
      "d",
    );
    return "Too many arguments";
  },
  missingValue: (words, pick) => {
    const option = pick.of(["-C", "--directory", "--session"]);
    words.push(option);
    return "argument missing";
  },
  tooManyArguments: (words, pick) => {
    words.push(...Array.from({ length: pick.of([6, 500, 5_000]) }, (_, n) => `more${n}`));
    return "Too many arguments";
  },
  missingArgument: (words) => {
    const at = runAt(words);
    if (at < 0) return undefined;
    words.splice(1);
    return "Missing required argument|--reason";
  },
  missingReason: (words) => {
    const at = words[0] === "policy" ? words.indexOf("--reason") : -1;
    if (at < 0) return undefined;
    words.splice(at, 2);
    return "--reason";
  },
  noNumber: optionValue(NUMBERS, NO_NUMBERS),
  noChoice: optionValue(["--status"], ["done", "", "Paused", "paused,failed", "__proto__"]),
  noEventType: optionValue(["--type"], ["done", "", "RUN_CREATED", "__proto__", "toString", "\0"]),
  noAction: (words, pick) => {
    if (words[0] !== "policy") return undefined;
    words[3] = pick.of(["redo", "", "Retry", "change-agent", "__proto__"]);
    return "action";
  },
  emptyReason: (words, pick) => {
    if (words[0] !== "pause" && words[0] !== "policy") return undefined;
    words[words.indexOf("--reason") + 1] = pick.of(["", " ", "\t\n", "r".repeat(10_001)]);
    return "reason";
  },
  anothersOption: (words) => {
    if (words[0] !== "policy") return undefined;
    words.splice(3, 1, "skip");
    words.push("--fresh");
    return "--";
  },
  unknownRun: (words, pick) => {
    const at = runAt(words);
    if (at < 0) return undefined;
    words[at] = pick.of([
      "run_x",
      "lats",
      "\0",
      "x".repeat(50_000),
      ...ODD_TEXTS.filter((text) => !/^-/.test(text)),
    ]);
    return "There is no run";
  },
  unknownStep: (words, pick) => {
    if (!["approve", "deny", "logs", "policy"].includes(words[0] ?? "")) return undefined;
    words[2] = pick.of(["ghost", "A", "../a", "a ", "__proto__", "s".repeat(50_000), "\u202ea"]);
    return "has no step";
  },
  noFile: (words, pick) => {
    if (words[0] !== "run") return undefined;
    words[1] = pick.of([
      "nowhere.yaml",
      "",
      ".",
      "\0",
      "/",
      "../..",
      "/dev/null",
      "p".repeat(300),
      "README.md/x",
    ]);
    return "plan";
  },
  noPlan: (words, pick) => {
    if (words[0] !== "run") return undefined;
    words[1] = pick.of(["README.md", "runledger.yaml", "../nonsense.yaml", "../empty.json"]);
    return "plan";
  },
  noFolder: (words, pick) => {
    words.unshift("-C", pick.of(["nowhere", "README.md", "\0", "/dev/null/x", "d".repeat(5_000)]));
    return "There is no folder";
  },
  badSession: (words, pick) => {
    if (runAt(words) < 0 || !["note", "pause", "show"].includes(words[0] ?? "")) return undefined;
    words.push("--session", pick.of(["", "s".repeat(201), "a\nb", "\ud800", "\0", "\u001b[2J"]));
    return "ession";
  },
  badNote: (words, pick) => {
    if (words[0] !== "note") return undefined;
    words.splice(
      2,
      2,
      ...pick.of([
        ["", "x"],
        [" ", "x"],
        ["k".repeat(201), "x"],
        ["k", "v".repeat(20_001)],
      ]),
    );
    return undefined;
  },
  noSetting: (words, pick) => {
    if (words[0] !== "config" || words[1] === "list") return undefined;
    words[2] = pick.of([
      "",
      "nope",
      "agents.nobody",
      "__proto__",
      "a..b",
      "protect.0",
      "x".repeat(50_000),
      "\0",
    ]);
    return undefined;
  },
  badSetting: (words, pick) => {
    if (words[1] !== "set") return undefined;
    words[3] = pick.of(["0", "201", "many", "", "[", "*a", "!!set {a}", "1e999", "[".repeat(9_000), "\0"]);
    return "maxParallelSteps";
  },
  badValidator: optionValue(
    ["--validator"],
    ["{", "{}", "", "nowhere.json", '{"type":"vibes"}', "{".repeat(9_000)],
    "validator",
  ),
  badAgent: optionValue(["--agent"], ["", " ", "nobody", "a".repeat(50_000), "__proto__"], "agent"),
  badPlace: (words, pick) => {
    if (words[0] !== "demo") return undefined;
    words[2] = pick.of([".", "README.md", "README.md/x", "\0", "d".repeat(5_000), ""]);
    return "cannot be made|is not empty";
  },
  badKey: optionValue(["--idempotency-key"], ["", "k".repeat(201)], "dempotency key"),
  optionTwice: (words, pick) => {
    const at = optionIn(words, NUMBERS);
    if (at < 0) return undefined;
    words.push(words[at] ?? "", pick.of(NO_NUMBERS));
    return words[at];
  },
  valueStuck: (words, pick) => {
    const at = optionIn(words, VALUED);
    if (at < 0) return undefined;
    words.splice(at, 2, `${words[at]}=${pick.of(["", "=", "many", "-1", "a=b"])}`);
    return undefined;
  },
  strayEnd: (words, pick) => {
    insert(words, pick, "--", "--json", "a", "b", "c", "d");
    return undefined;
  },
  oddWord: (words, pick) => {
    insert(words, pick, pick.of(ODD_TEXTS), pick.of(ODD_TEXTS), pick.of(ODD_TEXTS));
    return undefined;
  },
  halfOfIt: (words) => {
    if (words[0] !== "config") return undefined;
    words.splice(1);
    return "Usage|A command is missing";
  },
} satisfies Readonly<Record<string, HurtLine>>;

type Kind = keyof typeof hurtLine;
type Bad = { readonly line: number; readonly json: boolean; readonly hurts: readonly Hurt<Kind>[] };
const KINDS = Object.keys(hurtLine) as Kind[];

/** Lines that mean something before they are hurt. */
const linesOf = (run: string, waits: string): readonly Words[] => [
  ["run", "../plan.json", "--request", "please", "--idempotency-key", "k", "--no-drive"],
  ["resume", run, "--reason", "back"],
  ["worker", "--once", "--runs", "2"],
  ["list", "--status", "paused", "--limit", "3"],
  ["show", run],
  ["why", run],
  ["journal", run, "--type", "run_created", "--since", "0"],
  ["logs", run, "a", "--attempt", "1", "--judge"],
  ["approve", waits, "a", "--proposal", "3", "--reason", "seen"],
  ["deny", waits, "a", "--proposal", "3"],
  ["policy", run, "a", "retry", "--reason", "again", "--fresh"],
  ["policy", run, "a", "change_agent", "--agent", "maker", "--reason", "let maker try"],
  ["policy", run, "a", "change_validator", "--validator", '{"type":"build_pass"}', "--reason", "r"],
  ["note", run, "key", "value"],
  ["pause", run, "--reason", "lunch"],
  ["apply", run],
  ["patch", run],
  ["status"],
  ["config", "get", "protect"],
  ["config", "set", "maxParallelSteps", "3"],
  ["config", "list", "--show-origin"],
  ["demo", "--keep", "README.md"],
];

const made = (base: Words, { hurts, json }: Bad) => {
  const words = [...base];
  const told = hurts.filter(({ kind }) => appliesTo(kind, base));
  const names = told.map(({ kind, seed }) => hurtLine[kind](words, pickFrom(seed)));
  // Two hurts together may leave a gap, which no shell could hand in.
  const line = Array.from(words, (word) => word ?? "");
  return {
    words: json ? ["--json", ...line] : line,
    named: told.length === 1 ? names[0] : undefined,
    told,
  };
};

/** Whether a line has what this kind hurts: it comes out different. */
const appliesTo = (kind: Kind, base: Words): boolean => {
  const words = [...base];
  hurtLine[kind](words, pickFrom(1));
  return words.join("\0") !== base.join("\0");
};

/** The refusal in its one place: a line of JSON for programs, plain words for people, no escape sequences. */
const expectTold = ({ err }: Typed, words: readonly string[], named: string | undefined): string => {
  expect(err.trim()).not.toBe("");
  expect(err).not.toContain("unexpected");
  expect(err).not.toContain("undefined");
  // What was typed is said again; what is not is short.
  expect(err.length).toBeLessThan(6_000 + 3 * words.join(" ").length);
  if (named !== undefined && !BY_STATE.test(err))
    expect(err).toMatch(new RegExp(named.replaceAll(/[[\]()]/g, ".")));
  // What stands behind `--` is no option.
  const options = words.slice(0, words.includes("--") ? words.indexOf("--") : words.length);
  if (!options.includes("--json")) {
    const [, code = "usage"] = /^error \[(\w+)\]: \S/m.exec(err) ?? [];
    return code;
  }
  const [line = "", ...more] = err
    .trimEnd()
    .split("\n")
    .filter((one) => one.startsWith("{"));
  expect(more).toEqual([]);
  const { error } = JSON.parse(line) as { error: { code: string; message: string } };
  expect(Object.keys(errorKinds)).toContain(error.code);
  expect(error.message.trim()).not.toBe("");
  return error.code;
};

/** What was accepted before may have moved the run on; then it is refused for that, whatever else is wrong. */
const BY_STATE = /no_policy_request|run_terminal|run_not_running|step_not_waiting|access_denied/;

const REFUSED: readonly number[] = [EXIT.usage, EXIT.notFound, EXIT.conflict];
/** Others may end a line that is valid by luck: a doctor that finds something, a run that waits. */
const ENDED: readonly number[] = [EXIT.done, EXIT.waiting, EXIT.interrupted];

describe("malformed argument lists", () => {
  it(
    `of ${CASES} each is refused in words that name the place, and nothing comes of it`,
    async () => {
      const desk = await openDesk(shop);
      const run = (
        await desk.type("run", await planOf(desk, "plan.json", [step("a", "liar")]), "-q")
      ).out.trim();
      const asks = step("a", "maker", { validator: { type: "orchestrator_approval" } });
      const waits = (await desk.type("run", await planOf(desk, "asks.json", [asks]), "-q")).out.trim();
      await desk.write({ "../nonsense.yaml": "goal: [\n", "../empty.json": "" });
      const lines = linesOf(run, waits);
      const app = await desk.open();
      const look = async () => ({
        held: await heldBy(app.ledger.store),
        refs: await readdir(join(app.dataDir, "store.git", "refs"), { recursive: true }),
        places: await readdir(join(app.dataDir, "places")),
        repo: await readdir(desk.repo),
      });
      const tally = newTally("argument lists");
      const interrupted = AbortSignal.abort();
      let before = await look();
      const hurt = fc.record({ kind: fc.constantFrom(...KINDS), seed: fc.nat() });
      const bad: fc.Arbitrary<Bad> = fc.record({
        line: fc.nat({ max: lines.length - 1 }),
        json: fc.boolean(),
        hurts: fc.array(hurt, { minLength: 1, maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(bad, async (one) => {
          const { words, named, told } = made(lines[one.line] ?? [], one);
          fc.pre(told.length > 0);
          const answer = await tried(() => desk.typeWith({ interrupted }, ...words));
          if (!("value" in answer)) return expect.unreachable("a face answers, it does not throw");
          const { code } = answer.value;
          if (REFUSED.includes(code)) {
            tally.refused(told, expectTold(answer.value, words, named));
            expect(await look()).toEqual(before);
            return;
          }
          expect(ENDED, answer.value.err).toContain(code);
          tally.accepted(told);
          before = await look();
        }),
        { numRuns: CASES, seed: sweepSeed, examples: eachAlone(lines) },
      );
      tally.expectWide({
        kinds: KINDS,
        codes: ["usage", "invalid_input", "run_not_found", "step_not_found", "file_not_found", "unknown_key"],
      });
      await desk.dispose();
    },
    SWEEP_MS,
  );
});

/** Every kind alone, at every line that has what it hurts, once for people and once for programs. */
const eachAlone = (lines: readonly Words[]): [Bad][] =>
  KINDS.flatMap((kind) => {
    const line = lines.findIndex((words) => appliesTo(kind, words));
    return [true, false].map((json): [Bad] => [{ line, json, hurts: [{ kind, seed: sweepSeed }] }]);
  });
