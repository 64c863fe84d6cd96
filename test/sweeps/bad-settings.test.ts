import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { LedgerError } from "../../src/core/errors.js";
import { openRunLedger } from "../../src/index.js";
import { openSettingsDraft } from "../../src/settings/draft.js";
import { loadSettings } from "../../src/settings/load.js";
import { settingsListed } from "../../src/settings/schema.js";
import { type Hurt, newTally, ODD_TEXTS, type Pick, pickFrom, tried } from "../helpers/bad-input.js";
import { brokenLines, brokenText } from "../helpers/bad-text.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { newFolder, put, removeFoldersAfterEach } from "../settings/folders.js";

removeFoldersAfterEach();

const CASES = sweepSize(10_000, 300);
const VALUES = sweepSize(1_000, 150);

const GOOD = `agents:
  coder: { kind: command, run: [node, agent.mjs], env: [KEY], timeout: 30m }
  reviewer:
    kind: command
    run: [sh, -c, review]
maxParallelSteps: 4
protect: [docs/**]
workspace:
  setup: [[npm, ci]]
  share: [node_modules]
  passEnv: [CI]
onUnmetCriteria: fail
changeValidator: human
agentTimeout: 30m
leaseTtl: 30s
runLedger:
  workspaceIsolation: true
  staleTtl: 1h
  validatorTimeout: 2m
`;

/** What a case works on: the lines of a settings file and variables that override it. */
type Draft = { text: string; readonly env: Record<string, string> };
/** Does one thing wrong, and says what the refusal must name: a line of the file, a variable, or just the file. */
type HurtSettings = (draft: Draft, pick: Pick) => number | string;

/** Another value for a key that stands on a line of its own. */
const inLine =
  (key: string, values: readonly string[]): HurtSettings =>
  (draft, pick) => {
    const lines = draft.text.split("\n");
    const at = lines.findIndex((line) => line.trimStart().startsWith(`${key}:`));
    const line = lines[at];
    if (line === undefined) return "";
    lines[at] = `${line.slice(0, line.indexOf(":"))}: ${pick.of(values)}`;
    draft.text = lines.join("\n");
    return at + 1;
  };

const atEnd =
  (lines: readonly string[]): HurtSettings =>
  (draft, pick) => {
    draft.text = `${draft.text}${pick.of(lines)}\n`;
    return "";
  };

const inVariable =
  (key: string, values: readonly string[]): HurtSettings =>
  (draft, pick) => {
    const name = `RUNLEDGER_SET_${key}`;
    draft.env[name] = pick.of(values);
    return name;
  };

const quotedOdd = ODD_TEXTS.map((text) => JSON.stringify(text));
const NO_DURATION = ["soon", "-1s", "0s", "2 m", "1e3s", "7", "null", "[1m]", "9999999999d", "{}", "٣m"];
const NO_PATHS = ["/etc", "../up", "'C:/x'", "-rf", "' '", '"a\\0b"', "'!a'", "~/x", "a\\b"].map(
  (path) => `[${path}]`,
);

/** Mostly small, or ten thousand of them would take hours; the largest is as much as a settings file may hold. */
const SIZES = [100, 200, 300, 400, 500, 20_000];

const hurtSettings = {
  badCount: inLine("maxParallelSteps", [
    "0",
    "201",
    "-1",
    "1.5",
    "'4'",
    "1e999",
    ".nan",
    "9".repeat(400),
    "~",
    "[4]",
  ]),
  badDuration: (draft, pick) =>
    inLine(pick.of(["agentTimeout", "leaseTtl", "staleTtl", "validatorTimeout"]), NO_DURATION)(draft, pick),
  badChoice: (draft, pick) =>
    inLine(pick.of(["onUnmetCriteria", "changeValidator"]), ["Fail", "maybe", "true", "[]", ...quotedOdd])(
      draft,
      pick,
    ),
  badFlag: inLine("workspaceIsolation", ["yes", "1", "'true'", "on", "~", "{}"]),
  badGlob: inLine("protect", [...NO_PATHS, "docs", "{}", "[[a]]", "['@(a|b)/c']", `['${"*a".repeat(300)}']`]),
  badShare: inLine("share", [...NO_PATHS, "[.git]", "[.runledger/x]", "['./']", "[.]", "7"]),
  badVariableName: inLine("passEnv", ["['A B']", "[1]", "['']", "['A=B']", "[null]", `[${"A".repeat(300)}]`]),
  badSetup: inLine("setup", ["[[]]", "[npm]", "[['']]", "[[7]]", "npm ci", "[[a, [b]]]"]),
  badKind: inLine("kind", ["shell", "'command '", "null", "[command]", ...quotedOdd]),
  badRun: inLine("run", ["node", "[]", "['']", "[7]", "[null]", "{}", `[${"a,".repeat(300)}]`]),
  reservedAgent: (draft, pick) => {
    draft.text = draft.text.replace(
      "  reviewer:",
      `  ${pick.of(["system", "Orchestrator", "'a b'", "-x", "__proto__", "''"])}:`,
    );
    return 3;
  },
  agentIsNone: (draft, pick) => {
    draft.text = draft.text.replace(/ {2}coder: .*/, `  coder: ${pick.of(["7", "[]", "x", "~", "{}"])}`);
    return 2;
  },
  unknownKey: (draft, pick) => {
    const key = pick.of([
      "maxParalelSteps",
      "Agents",
      "x".repeat(300),
      "null",
      "1",
      "a.b",
      "'<<'",
      '"\\u202e"',
      "__proto__",
    ]);
    draft.text = `${key}: 1\n${draft.text}`;
    return 1;
  },
  repeatedKey: atEnd(["protect: []", "agents: {}", "leaseTtl: 30s"]),
  tab: atEnd(["workspace2:\n\tshare: []", "\t- a: b", "a:\n \tb:\n\t- c"]),
  alias: atEnd(["a: &a [1]\nb: *a", "<<: *base", "b: *nobody"]),
  bomb: (draft) => {
    const names = Array.from({ length: 30 }, (_, n) => n);
    draft.text = names.map((n) => `a${n}: &a${n} [${`*a${n - 1}, `.repeat(n === 0 ? 0 : 9)}]`).join("\n");
    return "";
  },
  tag: atEnd([
    "x: !!js/function 'x'",
    "x: !secret a",
    "x: !!set {a}",
    "x: !!binary aGk=",
    "x: !!omap [a: 1]",
    "x: !<y> z",
  ]),
  documents: atEnd(["---\nprotect: []", "...\n---\n{}", "--- |\n x"]),
  directive: (draft, pick) => {
    draft.text = `${pick.of(["%YAML 9.9", "%TAG ! x", "%YAML"])}\n${draft.text}`;
    return "";
  },
  noMapping: (draft, pick) => {
    draft.text = pick.of(["- a", "hello", "7", "[]", '"x"', "|\n text", "\0\0\0", "\r\r\r"]);
    return "";
  },
  deep: (draft, pick) => {
    const levels = 10_000;
    const nested = ["[".repeat(levels), "{a: ".repeat(levels), "- ".repeat(levels), "? ".repeat(levels)];
    draft.text = `${draft.text}x:\n  ${pick.of(nested)}\n`;
    return "";
  },
  flood: (draft, pick) => {
    draft.text = pick
      .of(["*a\n", '"', "[,", ": ", "! ", "&a ", "a: 1\n", "a:\n\tb\n", "- - ", "? "])
      .repeat(pick.of(SIZES));
    return "";
  },
  nonsenseKeys: (draft, pick) => {
    draft.text = Array.from({ length: pick.of(SIZES) / 2 }, (_, n) => `k${n}: 1`).join("\n");
    return 1;
  },
  tooLarge: (draft) => {
    draft.text = `${draft.text}#${"x".repeat(131_072)}`;
    return "";
  },
  badOverride: (draft, pick) =>
    pick.of([
      inVariable("maxParallelSteps", ["0", "", "many", "[", "*a", "'4'", "1e999"]),
      inVariable("runLedger__staleTtl", NO_DURATION),
      inVariable("protect", [...NO_PATHS, "{"]),
      inVariable("agents__coder__run", ["node", "[]", "[7]", "{}"]),
      inVariable("agents__system__kind", ["command"]),
    ])(draft, pick),
  unknownOverride: (draft, pick) =>
    inVariable(
      pick.of([
        "nothing",
        "__proto__",
        "runLedger__x",
        "agents",
        "",
        "____",
        "max.ParallelSteps",
        "a__b__c__d",
      ]),
      ["1"],
    )(draft, pick),
  brokenText: (draft, pick) => {
    draft.text = pick.of(Object.values(brokenText))(draft.text, pick);
    return "";
  },
  brokenLines: (draft, pick) => {
    draft.text = pick.of(Object.values(brokenLines))(draft.text, pick);
    return "";
  },
} satisfies Readonly<Record<string, HurtSettings>>;

type Kind = keyof typeof hurtSettings;
type Bad = { readonly hurts: readonly Hurt<Kind>[]; readonly byUser: boolean };
const KINDS = Object.keys(hurtSettings) as Kind[];
/** Most of what chance does to a text of lists and words is still one. */
const TEXT_KINDS: readonly Kind[] = ["brokenText", "brokenLines"];

const bad: fc.Arbitrary<Bad> = fc.record({
  hurts: fc.array(
    fc.record({
      kind: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...KINDS.filter((kind) => !TEXT_KINDS.includes(kind))) },
        { weight: 1, arbitrary: fc.constantFrom(...TEXT_KINDS) },
      ),
      seed: fc.nat(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  byUser: fc.boolean(),
});

const expectPlace = (error: LedgerError, file: string, named: readonly (number | string)[]): void => {
  expect(error.code).toBe("settings_invalid");
  const places = (error.details.defects as { where: string }[] | undefined)?.map(({ where }) => where);
  for (const where of places ?? []) expect(where).toMatch(/^(\/.+\.yaml(:\d+:\d+)?|env RUNLEDGER_SET_.*)$/);
  const told = [error.message, ...(places ?? [])].join("\n");
  expect(told.includes(file) || told.includes("RUNLEDGER_SET_")).toBe(true);
  const [only] = named;
  if (named.length > 1 || only === undefined) return;
  // The file may itself be refused before anything in it is looked at.
  expect(told).toContain(typeof only === "number" ? `${file}:${only}:` : only);
};

/** As a file says it: a list shows what has no limit, a file leaves it out. */
const said = (listed: unknown): unknown =>
  JSON.parse(JSON.stringify(listed, (_, value) => (value === null ? undefined : value)));

describe("malformed settings", () => {
  it(
    `of ${CASES} each is refused by file and line or by variable, and nothing is made`,
    async () => {
      const project = await newFolder();
      const home = await newFolder();
      const mirror = await newFolder();
      const file = join(project, "runledger.yaml");
      const userFile = join(home, "runledger", "config.yaml");
      const tally = newTally("settings");
      await put(userFile, "");
      await fc.assert(
        fc.asyncProperty(bad, async ({ hurts, byUser }) => {
          const draft: Draft = { text: GOOD, env: {} };
          const named = hurts.map(({ kind, seed }) => hurtSettings[kind](draft, pickFrom(seed)));
          const [hurtFile, other] = byUser ? [userFile, file] : [file, userFile];
          await writeFile(hurtFile, draft.text);
          await rm(other, { force: true });
          const env = { ...draft.env, XDG_CONFIG_HOME: home, HOME: home };
          const answer = await tried(() => loadSettings(project, env));
          if ("refusal" in answer) {
            expectPlace(answer.refusal, hurtFile, named);
            const opened = await tried(() => openRunLedger({ projectDir: project, env }));
            expect(opened).toMatchObject({ refusal: { code: "settings_invalid" } });
            expect(existsSync(join(project, ".runledger"))).toBe(false);
            tally.refused(hurts, answer.refusal.code);
            return;
          }
          tally.accepted(hurts);
          const { settings, origins } = answer.value;
          expect(Object.values(origins).filter((origin) => origin === "")).toEqual([]);
          await put(join(mirror, "runledger.yaml"), stringify(said(settingsListed(settings))));
          expect((await loadSettings(mirror, {})).settings).toEqual(settings);
        }),
        {
          numRuns: CASES,
          seed: sweepSeed,
          examples: KINDS.map((kind): [Bad] => [{ hurts: [{ kind, seed: sweepSeed }], byUser: false }]),
        },
      );
      tally.expectWide({ kinds: KINDS, codes: ["settings_invalid"] });
    },
    SWEEP_MS,
  );

  it(
    `of ${VALUES} values that are set, none changes the file`,
    async () => {
      const project = await newFolder();
      const file = await put(join(project, "runledger.yaml"), GOOD);
      const keys = [
        ...["maxParallelSteps", "protect", "runLedger.staleTtl", "agents.coder.run", "leaseTtl", "workspace"],
        ...[
          "",
          ".",
          "a",
          "agents.",
          "agents..x",
          "protect.0",
          "__proto__.x",
          "constructor",
          "agents.__proto__.run",
        ],
        "x".repeat(10_000),
      ];
      const values = [
        ...ODD_TEXTS,
        ...NO_DURATION,
        "[",
        "*a",
        "!!set {a}",
        "- ".repeat(5_000),
        "x".repeat(200_000),
      ];
      const tally = newTally("settings that are set");
      const asked = fc.record({ key: fc.constantFrom(...keys), value: fc.constantFrom(...values) });
      await fc.assert(
        fc.asyncProperty(asked, async ({ key, value }) => {
          await writeFile(file, GOOD);
          const answer = await tried(async () =>
            (await openSettingsDraft({ projectDir: project, env: {} })).save([{ key, value }]),
          );
          expect(await readdir(project)).toEqual(["runledger.yaml"]);
          if (!("refusal" in answer)) {
            tally.accepted([]);
            await loadSettings(project, {});
            return;
          }
          const { code, message } = answer.refusal;
          expect(["settings_invalid", "unknown_key"]).toContain(code);
          expect(message).toMatch(/runledger\.yaml| = "|^.{0,60}:\d+:\d+|holds no settings|:1:/);
          expect(await readFile(file, "utf8")).toBe(GOOD);
          tally.refused([], code);
        }),
        { numRuns: VALUES, seed: sweepSeed },
      );
      tally.expectWide({ kinds: [], codes: ["settings_invalid", "unknown_key"] });
    },
    SWEEP_MS,
  );
});
