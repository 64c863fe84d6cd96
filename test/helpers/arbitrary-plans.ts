import fc from "fast-check";
import type { Plan, StepSpec, ValidatorSpec } from "../../src/core/spec.js";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const sentence = fc
  .string({ minLength: 1, maxLength: 40, unit: "binary" })
  .map((text) => `x${text.replaceAll("\0", "")}`);
const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const glob = fc.oneof(
  path,
  path.map((text) => `${text}/**`),
  fc.constant("*.ts"),
);
const toolchain = fc.constantFrom("go", "node", "python", "rust", "java");
const some = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(shape, { requiredKeys: [] });

const machineJudge: fc.Arbitrary<ValidatorSpec> = fc.oneof(
  fc.record({
    type: fc.constant("build_pass"),
    target: fc.oneof(path, fc.constant("")),
    params: some({ toolchain }),
  }),
  fc.record({
    type: fc.constant("test_pass"),
    target: fc.oneof(path, fc.constant("")),
    params: some({
      toolchain,
      minTests: fc.integer({ min: 1 }),
      noSkips: fc.boolean(),
      redBeforeGreen: fc.boolean(),
      repeat: fc.integer({ min: 2, max: 20 }),
      heldOut: path,
      canary: fc.boolean(),
    }),
  }),
  fc.record({
    type: fc.constant("file_changed"),
    target: fc.oneof(
      glob,
      glob.map((text) => `!${text}`),
    ),
    params: fc.constant({}),
  }),
  fc.record({
    type: fc.constant("artifact_exists"),
    target: path,
    params: some({
      minBytes: fc.nat(),
      sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
      contains: sentence,
      changed: fc.boolean(),
    }),
  }),
  fc.record({
    type: fc.constant("command_pass"),
    target: sentence,
    params: some({ expectedExitCode: fc.integer({ min: 0, max: 255 }) }),
  }),
) as fc.Arbitrary<ValidatorSpec>;

const approval = fc.constant<ValidatorSpec>({ type: "orchestrator_approval", target: "", params: {} });
const timeoutMs = fc.integer({ min: 1, max: 86_400_000 });

/** The owner agent is one of those who race, and nobody races for a person's approval. */
const withRace = ({ others, pick, race, ...spec }: Drawn): StepSpec =>
  race && spec.validator.type !== "orchestrator_approval"
    ? { ...spec, race: { agents: [...others, spec.ownerAgent], pick } }
    : spec;

type Drawn = Omit<StepSpec, "race"> & {
  readonly others: string[];
  readonly pick: "first" | "smallest";
  readonly race: boolean;
};

const step = (id: string, earlier: readonly string[]): fc.Arbitrary<StepSpec> =>
  (
    fc.record(
      {
        id: fc.constant(id),
        goal: sentence,
        ownerAgent: word,
        dependsOn: fc.subarray([...earlier]),
        toolProfile: fc.subarray(["coding", "browser", "knowledge", "supervisor"] as const, { minLength: 1 }),
        validator: fc.oneof(machineJudge, approval),
        mayChange: fc.record({ paths: fc.array(glob, { maxLength: 3 }), only: fc.boolean() }),
        maxRetries: fc.integer({ min: 0, max: 20 }),
        timeoutMs,
        agentTimeoutMs: timeoutMs,
        others: fc.array(word, { minLength: 1, maxLength: 9 }),
        pick: fc.constantFrom("first", "smallest"),
        race: fc.boolean(),
      },
      {
        requiredKeys: [
          "id",
          "goal",
          "ownerAgent",
          "dependsOn",
          "toolProfile",
          "validator",
          "mayChange",
          "maxRetries",
          "others",
          "pick",
          "race",
        ],
      },
    ) as fc.Arbitrary<Drawn>
  ).map(withRace);

/** Every plan that holds all rules. */
export const plans: fc.Arbitrary<Plan> = fc.uniqueArray(word, { minLength: 1, maxLength: 6 }).chain((ids) =>
  fc.record({
    goal: sentence,
    protect: fc.array(glob, { maxLength: 3 }),
    steps: fc.tuple(...ids.map((id, index) => step(id, ids.slice(0, index)))),
    acceptanceCriteria: fc.array(fc.record({ description: sentence, validator: machineJudge }), {
      maxLength: 3,
    }),
  }),
);
