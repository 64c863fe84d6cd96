import * as z from "zod";
import { digestOf } from "./canonical.js";
import * as limit from "./limits.js";
import { naturalInt, positiveInt } from "./shapes.js";

/** The six judges (seed 002). The list is closed: nobody can bring a judge of their own. */
export const ValidatorType = z.enum([
  "build_pass",
  "test_pass",
  "file_changed",
  "artifact_exists",
  "command_pass",
  "orchestrator_approval",
]);
export type ValidatorType = z.infer<typeof ValidatorType>;

export const Toolchain = z.enum(["go", "node", "python", "rust", "java"]);
export type Toolchain = z.infer<typeof Toolchain>;

const target = z.string().max(limit.TARGET_CHARS);

export const BuildPassSpec = z.strictObject({
  type: z.literal("build_pass"),
  /** Package or project to build; empty means the toolchain's default. */
  target,
  params: z.strictObject({ toolchain: Toolchain.optional() }),
});
export type BuildPassSpec = z.infer<typeof BuildPassSpec>;

export const TestPassSpec = z.strictObject({
  type: z.literal("test_pass"),
  /** Package, file or test selector; empty means all tests. */
  target,
  params: z.strictObject({
    toolchain: Toolchain.optional(),
    /** At least so many tests must have run; 1 when not given. */
    minTests: positiveInt.optional(),
    /** Any skipped test fails the step. */
    noSkips: z.boolean().optional(),
    /** A test that does not pass at the base must pass now; false when not given. */
    redBeforeGreen: z.boolean().optional(),
    /** So many runs must all pass; 1 when not given. */
    repeat: z.int().min(2).max(limit.TEST_RUNS_MAX).optional(),
    /** A folder of the user's checkout whose tests are laid over the tree, and never over a workspace. */
    heldOut: z.string().max(limit.TARGET_CHARS).optional(),
    /** A test that must fail is run beside those that passed; true when not given. */
    canary: z.boolean().optional(),
  }),
});
export type TestPassSpec = z.infer<typeof TestPassSpec>;

export const FileChangedSpec = z.strictObject({
  type: z.literal("file_changed"),
  /** Glob with `**` and a leading `!` for negation; without glob characters also a whole path or folder. */
  target,
  params: z.strictObject({}),
});
export type FileChangedSpec = z.infer<typeof FileChangedSpec>;

export const ArtifactExistsSpec = z.strictObject({
  type: z.literal("artifact_exists"),
  target,
  params: z.strictObject({
    minBytes: naturalInt.optional(),
    sha256: z.string().length(64).optional(),
    contains: z.string().max(limit.TARGET_CHARS).optional(),
    /** The file must be new or differ from the base; true when not given. */
    changed: z.boolean().optional(),
  }),
});
export type ArtifactExistsSpec = z.infer<typeof ArtifactExistsSpec>;

export const CommandPassSpec = z.strictObject({
  type: z.literal("command_pass"),
  /** Handed to `sh -c` as it stands in the plan. */
  target,
  params: z.strictObject({ expectedExitCode: naturalInt.max(255).optional() }),
});
export type CommandPassSpec = z.infer<typeof CommandPassSpec>;

export const OrchestratorApprovalSpec = z.strictObject({
  type: z.literal("orchestrator_approval"),
  target: z.literal(""),
  params: z.strictObject({}),
});
export type OrchestratorApprovalSpec = z.infer<typeof OrchestratorApprovalSpec>;

export const ValidatorSpec = z.discriminatedUnion("type", [
  BuildPassSpec,
  TestPassSpec,
  FileChangedSpec,
  ArtifactExistsSpec,
  CommandPassSpec,
  OrchestratorApprovalSpec,
]);
export type ValidatorSpec = z.infer<typeof ValidatorSpec>;

/** What a verdict names, so that nobody can swap the judge without a trace. */
export const validatorDigest = (spec: ValidatorSpec): string => digestOf(spec);

/** One candidate alone races with nobody. */
export const CANDIDATES_MIN = 2;

/** The tool profiles of seed 002. */
export const ToolProfile = z.enum(["coding", "browser", "knowledge", "supervisor"]);
export type ToolProfile = z.infer<typeof ToolProfile>;

/** Several candidates work on a step at the same time, each in a workspace of its own; one verified proposal wins. */
export const Race = z.strictObject({
  /** Who works as which candidate, from the first on; the same agent may be several of them. */
  agents: z.array(z.string()).min(CANDIDATES_MIN).max(limit.CANDIDATES_MAX),
  /** first: proposals are judged as they come. smallest: when all have ended or proposed, the smallest patch first. */
  pick: z.enum(["first", "smallest"]),
});
export type Race = z.infer<typeof Race>;

export const StepSpec = z.strictObject({
  id: z.string(),
  goal: z.string(),
  ownerAgent: z.string(),
  dependsOn: z.array(z.string()),
  toolProfile: z.array(ToolProfile),
  validator: ValidatorSpec,
  /** Globs the step may change although they are protected; with `only`, the only paths it may change at all. */
  mayChange: z.strictObject({ paths: z.array(z.string()), only: z.boolean() }),
  maxRetries: naturalInt.max(limit.RETRIES_MAX),
  /** Absent when the owner agent works alone. */
  race: Race.optional(),
  /** Bounds the validator, in milliseconds of wall time. */
  timeoutMs: z.int().positive().optional(),
  /** Bounds the agent, in milliseconds of wall time. */
  agentTimeoutMs: z.int().positive().optional(),
});
export type StepSpec = z.infer<typeof StepSpec>;

export const CriterionSpec = z.strictObject({ description: z.string(), validator: ValidatorSpec });
export type CriterionSpec = z.infer<typeof CriterionSpec>;

/** A plan as the ledger stores it: checked, defaults filled in, camelCase. `core/plan.ts` reads the wire form. */
export const Plan = z.strictObject({
  goal: z.string(),
  protect: z.array(z.string()),
  steps: z.array(StepSpec),
  acceptanceCriteria: z.array(CriterionSpec),
});
export type Plan = z.infer<typeof Plan>;

export const planDigest = (plan: Plan): string => digestOf(plan);
