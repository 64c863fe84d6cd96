import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseDuration } from "../../src/core/duration.js";
import { isLedgerError } from "../../src/core/errors.js";
import { parseSize } from "../../src/core/size.js";
import { settingKeys, settingsJsonSchema } from "../../src/settings/keys.js";
import { checkLayers, fileLayer } from "../../src/settings/layers.js";

const FILES = 4_000;

const schema = settingsJsonSchema();
// Tuples without a fixed length are meant: only the first word of a command must say something.
const judge = new Ajv({ allErrors: true, strict: true, strictTuples: false, strictTypes: false }).compile(
  schema,
);

const PATHS = [
  ...[
    "src/**",
    "docs",
    "*.lock",
    "{a,b}/c",
    "a b",
    ".github",
    "node_modules/",
    "!a",
    "/x",
    "-x",
    "",
    " ",
    "..",
  ],
  ...[
    "a/../b",
    "~/x",
    "~x",
    "C:/x",
    "a::b",
    "a\\b",
    "@(a|b)",
    "{1..3}",
    ".git",
    "./.GIT/x",
    ".runledger",
    "./",
    ".",
  ],
  ...["x".repeat(500), "x".repeat(501), "ä/ß", "\u{1f600}"],
];
const DURATIONS = [
  ...[
    "1ms",
    "90s",
    "2m",
    "1h30m",
    "1.5h",
    " 2m ",
    "0s",
    "0.2ms",
    "365d",
    "366d",
    "2d",
    "1s",
    "soon",
    "",
    "5",
  ],
  ...["-1s", "2 m", "1h ", "1H", "٣m", `${"0".repeat(48)}1s`, `${"0".repeat(49)}1s`],
];
const SIZES = [
  ...["16MiB", "4GiB", "1.5GiB", "10GB", "512 MB", " 2g ", "16TiB", "1B", "17TiB", "5", "4 G iB", "", "GiB"],
  ...["-1GiB", "1PiB", "4GiBs", "\t4gib", "٣GiB", `${"0".repeat(47)}9GB`, `${"0".repeat(48)}9GB`],
];
const HOSTS = [
  ...["example.com", "*.example.com", "a.example.com:8443", "LOCALHOST:1", "127.0.0.1:65535", "[::1]:3000"],
  ...[
    "",
    "*",
    "*.",
    "a..b",
    "-a.com",
    "a.com:0",
    "a.com:65536",
    "http://a.com",
    "a.com/",
    "u@a.com",
    "*.[::1]",
  ],
];
const NAMES = [
  ...["coder", "a-b_c", "9", "A".repeat(64), "A".repeat(65), "-a", "_a", "a b", "", "orchestrator", "System"],
  ...["LANGO-ORCHESTRATOR", "orchestrators", "constructor", "ſystem"],
];
const VARIABLES = ["API_KEY", "_", "9A", "A-B", "", "A".repeat(200), "A".repeat(201)];
const WORDS = ["node", "-e", "", " ", "a\nb", "a\0b"];
const ODD = [null, true, false, 0, 1, -1, 1.5, 2e9, "x", [], {}, [[]], [null], { length: 1 }];

const odd = fc.constantFrom<unknown>(...ODD);
const maybe = <T>(right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: odd });
const from = (values: readonly unknown[]) => maybe(fc.constantFrom(...values));
const some = (entry: fc.Arbitrary<unknown>) =>
  maybe(
    fc.oneof(
      { weight: 20, arbitrary: fc.array(entry, { maxLength: 3 }) },
      { weight: 1, arbitrary: many(entry) },
    ),
  );
const many = (entry: fc.Arbitrary<unknown>) => entry.map((one) => Array.from({ length: 201 }, () => one));
const closed = (keys: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  maybe(fc.record({ ...keys, unknown: fc.constant(1) }, { requiredKeys: [] }).chain(mostlyKnown));
/** An unknown key spoils all else, so few files have one. */
const mostlyKnown = ({ unknown, ...known }: Record<string, unknown>) =>
  fc.nat({ max: 11 }).map((dice) => (dice === 0 && unknown !== undefined ? { ...known, unknown } : known));

const argv = some(from(WORDS));
/** Out of bounds it would hide what the agent's kind asks for, and that the schema tells too. */
const LIMITS = DURATIONS.filter((text) => (parseDuration(text) ?? 1) <= 86_400_000);
const agent = closed({
  kind: from(["command", "command", "command", "llm", "subprocess", "tools"]),
  run: argv,
  preset: from(["codex", undefined, undefined]),
  env: some(from(VARIABLES)),
  timeout: from(LIMITS),
});
const schedule = closed({
  cron: from(["0 9 * * 1-5", "@daily", "0 9 * *", "", "@often", "0 0 9 * * *", " 0 9 * * *"]),
  timeZone: from(["Europe/Berlin", "UTC", "", "+02:00"]),
  plan: from(PATHS),
  goal: from(["", "Tidy up", "a".repeat(10_001)]),
  catchUp: from(["skip", "once", "all", "some"]),
  enabled: maybe(fc.boolean()),
});
const ADDRESSES = [
  ...["https://example.com/hook?a=1", "http://127.0.0.1:9000/", "https://[::1]/x", "HTTPS://a.b", ""],
  ...["https://u:p@a.b/", "ftp://a.b", "https://a.b/#x", "https://a b/", "https://"],
];
const target = closed({
  run: argv,
  url: from(["", ...ADDRESSES]),
  secretEnv: from(["", ...VARIABLES]),
  env: some(from(VARIABLES)),
  events: some(from(["escalated", "run_completed", "moved"])),
  privateNetwork: maybe(fc.boolean()),
  timeout: from(DURATIONS),
});
/** Most of what the keys say apart contradicts itself together, so some are told that are right. */
const telling = fc.oneof(
  target,
  fc.constantFrom<unknown>(
    { run: ["notify-send", "RunLedger"] },
    { url: "https://example.com/hook", secretEnv: "HOOK" },
    { url: "http://127.0.0.1:9000/", secretEnv: "HOOK", privateNetwork: true },
    { url: "http://127.0.0.1:9000/", secretEnv: "HOOK" },
    { url: "https://example.com/hook" },
    { run: ["x"], url: "https://example.com/hook", secretEnv: "HOOK" },
    { run: [" "] },
    {},
  ),
);
const files = closed({
  version: from([1, 1, 1, 0]),
  agents: maybe(fc.dictionary(fc.constantFrom(...NAMES), agent, { maxKeys: 2 })),
  maxParallelSteps: from([1, 4, 200, 201, 0]),
  protect: some(from(PATHS)),
  workspace: closed({ setup: some(argv), share: some(from(PATHS)), passEnv: some(from(VARIABLES)) }),
  isolation: closed({ network: some(from(HOSTS)) }),
  limits: closed({
    memory: from(SIZES),
    processes: from([8, 4_096, 7, 4_194_305]),
    disk: from(SIZES),
    files: from([100, 99, 1_000_000_001]),
    output: from(SIZES),
  }),
  retention: closed({
    completedFor: from([...DURATIONS, "forever", " forever"]),
    failedFor: from([...DURATIONS, "forever", null]),
    maxBytes: from([...SIZES, "unlimited", "Unlimited"]),
    every: from([...DURATIONS, "forever"]),
  }),
  onUnmetCriteria: from(["fail", "pause", "Pause"]),
  changeValidator: from(["orchestrator", "human", "nobody"]),
  agentTimeout: from(DURATIONS),
  leaseTtl: from(DURATIONS),
  planner: from(["", ...NAMES]),
  orchestrator: from(["", ...NAMES]),
  trustPlans: maybe(fc.boolean()),
  durable: closed({
    paidAmbiguous: from(["rerun", "skip", "fail"]),
    encryption: maybe(fc.boolean()),
    keyCommand: maybe(fc.array(from(["", "pass", 7]), { maxLength: 3 })),
    checkpoints: from(["sqlite", "file", "memory", "postgres"]),
    effectsPerAttempt: from([1, 100_000, 0, 100_001]),
    eventsPerRun: from([100, 99, 10_000_001]),
    resultSize: from(SIZES),
    checkpointEvery: from([0, 1, 1_000_000, 1_000_001, -1, 1.5]),
    checkpointsKept: from([1, 1_000, 0, 1_001]),
    checkpointAt: from([
      [],
      ["risky_boundary"],
      ["approval_requested", "risky_boundary"],
      ["turn"],
      "manual",
    ]),
    checkpointBefore: from([[], ["guarded"], ["pure", "idempotent", "guarded"], ["paid"], "guarded"]),
  }),
  schedules: maybe(fc.dictionary(fc.constantFrom(...NAMES.slice(0, 8)), schedule, { maxKeys: 2 })),
  notify: maybe(fc.dictionary(fc.constantFrom(...NAMES.slice(0, 8)), telling, { maxKeys: 2 })),
  runLedger: closed({
    enabled: maybe(fc.boolean()),
    shadow: maybe(fc.boolean()),
    writeThrough: maybe(fc.boolean()),
    authoritativeRead: maybe(fc.boolean()),
    projectionRetired: maybe(fc.boolean()),
    workspaceIsolation: maybe(fc.boolean()),
    staleTtl: from(DURATIONS),
    validatorTimeout: from(DURATIONS),
    maxRunHistory: from([0, 100, 1_000_000, 1_000_001, -1]),
    plannerMaxRetries: from([0, 2, 20, 21, -1]),
  }),
  rollout: closed({ tables: from(["", "t.db", "a\0"]), board: from(["", "BOARD.md"]) }),
});
/** Each key alone, so that no other defect hides what becomes of it. */
const oneKey = files.chain((file) => {
  const entries = Object.entries(file ?? {});
  return entries.length === 0
    ? fc.constant(file)
    : fc.constantFrom(...entries).map(([key, value]) => ({ [key]: value }));
});

type Told = { readonly path: string; readonly found: string; readonly expected: string };

/** What settings loading says of it: nothing, or every defect. */
const defectsOf = (file: unknown): readonly Told[] => {
  try {
    checkLayers([fileLayer(stringify(file, { aliasDuplicateObjects: false }), "file", "project")]);
    return [];
  } catch (error) {
    if (!isLedgerError(error, "settings_invalid")) throw error;
    const { defects } = error.details as { defects?: readonly Told[] };
    return defects ?? [{ path: "", found: "", expected: error.message }];
  }
};

/** JSON Schema cannot count in milliseconds and bytes. */
const isOnlyOutOfBounds = ({ found, expected }: Told): boolean => {
  const [, kind = ""] = /^a (duration|size)/.exec(expected) ?? [];
  if (kind === "" || !/^".*"$/.test(found)) return false;
  const text = String(JSON.parse(found));
  const read = kind === "size" ? parseSize : parseDuration;
  return text.length <= 50 && read(text) !== undefined;
};

/** What loading says once durations and sizes are within their bounds: until then it looks no further. */
const saidBehindBounds = (file: unknown): readonly Told[] => {
  const defects = defectsOf(file);
  if (defects.length === 0 || !defects.every(isOnlyOutOfBounds)) return defects;
  const least = ({ expected }: Told): string => /from (\S+) to/.exec(expected)?.[1] ?? "";
  const mended = defects.reduce(
    (text, told) => text.replaceAll(told.found, JSON.stringify(least(told))),
    JSON.stringify(file),
  );
  return saidBehindBounds(JSON.parse(mended));
};

describe("the JSON Schema", () => {
  it("says of every file what loading says, but for how long a duration or large a size may be", () => {
    const tally = { right: 0, wrong: 0, bounds: 0 };
    fc.assert(
      fc.property(fc.oneof(files, oneKey), (file) => {
        const defects = defectsOf(file);
        const fits = judge(file) || file === null;
        const told = `${JSON.stringify(file)} ${JSON.stringify(defects)} ${JSON.stringify(judge.errors)}`;
        if (defects.length === 0) tally.right += 1;
        else if (defects.every(isOnlyOutOfBounds)) tally.bounds += 1;
        else tally.wrong += 1;
        expect(fits, told).toBe(saidBehindBounds(file).length === 0);
      }),
      { numRuns: FILES },
    );
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(FILES / 100);
  });

  /** Somebody has to say it, or it follows from another key. */
  const WITHOUT_DEFAULT = new Set([
    ...[
      "kind",
      "run",
      "preset",
      "timeout",
      "provider",
      "model",
      "baseUrl",
      "apiKeyEnv",
      "outputTokens",
      "contextTokens",
      "callTimeout",
      "inputPrice",
      "outputPrice",
      "cacheReadPrice",
      "cacheWritePrice",
    ].map((key) => `agents.NAME.${key}`),
    ...["tokens", "usd", "time", "attempts"].map((key) => `budget.${key}`),
    ...["cron", "plan"].map((key) => `schedules.NAME.${key}`),
  ]);

  it("names, describes and gives the default of every key", () => {
    const keys = settingKeys();
    expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
    for (const { key, title, description } of keys) {
      expect(title, key).toMatch(/^[A-Z][^.]{2,30}$/);
      expect(description, key).toMatch(/^[A-Z].{15,140}\.$/);
      const node = key.split(".").reduce<Record<string, unknown>>(
        (at, part) => {
          const { properties, additionalProperties } = at as Record<string, Record<string, unknown>>;
          return (part === "NAME" ? additionalProperties : properties?.[part]) as Record<string, unknown>;
        },
        schema as Record<string, unknown>,
      );
      expect(node.title, key).toBe(title);
      expect(node.description, key).toContain(description);
      expect(node.default !== undefined, key).toBe(!WITHOUT_DEFAULT.has(key));
    }
    expect(JSON.stringify(schema)).not.toMatch(/"(kind|group|bounds)":"/);
  });

  it("has keys that docs/settings.md explains, and no others", async () => {
    const docs = await readFile(join(import.meta.dirname, "../../docs/settings.md"), "utf8");
    const explained = [...docs.matchAll(/^\| `([^`]+)`/gm)].map(([, key]) => key);
    const known = settingKeys().map(({ key }) => key);
    expect(explained.sort()).toEqual([...known, "version"].sort());
  });
});
