// The public API: every name on purpose. Its parts are put together in open.ts.

export { answerQuestion, credentialUseFor, isSteady, type Question } from "../tools/asked.js";
export type { IssuedAs, KitOptions } from "../tools/callers.js";
export type { NewGoal, NewPlan, NewRun } from "../tools/create-run.js";
export type { ToolInputs, ToolName, ToolNameOf, ToolResults } from "../tools/index.js";
export type {
  AnthropicTool,
  OpenAiChatTool,
  OpenAiResponsesTool,
  ToolAbout,
  ToolAnswer,
  ToolKit,
} from "../tools/kit.js";
export {
  credentialUse,
  type McpAnswer,
  type McpTool,
  mcpAnswer,
  mcpRefusal,
  mcpTools,
  withKey,
} from "../tools/mcp.js";
export { type Prompt, promptsOf } from "../tools/prompts.js";
export type { Refusal } from "../tools/refusal.js";
export type { JsonSchema } from "../tools/schemas.js";
export type { BoundTool } from "../tools/tool.js";
export { attemptEnd } from "./core/attempt-end.js";
export { amountWords, type BudgetUse } from "./core/budget.js";
export { type Budget, type BudgetKind, budgetKinds } from "./core/budget-shape.js";
export type { TrackedReason } from "./core/checkpoints.js";
export type { Caller, Command } from "./core/commands.js";
export { counted, times } from "./core/counted.js";
export { cutShort } from "./core/cut.js";
export { requirePlanWanted } from "./core/decide/lifecycle.js";
export { exactDuration, formatDuration, parseDuration } from "./core/duration.js";
export { type AskedEffect, askedEffects, askedEffectsOf, effectDoubt } from "./core/effect-questions.js";
export { WORKER_VARIABLE } from "./core/effect-wire.js";
export type { EffectClass, EffectDecision, OnAmbiguous, Risk } from "./core/effects.js";
export { type ErrorCode, type ErrorKind, errorKinds, isLedgerError, LedgerError } from "./core/errors.js";
export { eventTypes, type PolicyAction, type PolicyActionType, type StoredEvent } from "./core/events.js";
export type { ExecutionView, IntentView } from "./core/gate-calls.js";
export type { GateReason, PolicyDecision } from "./core/gate-policy/decision.js";
export type { GateFacts, IntentFacts } from "./core/gate-policy/facts.js";
export { policyRemarks } from "./core/gate-policy/remarks.js";
export { type GatePolicy, policyKeys, rulesIn } from "./core/gate-policy/schema.js";
export { type GateMethod, type GateRoute, gateRoutes, namedIn, waitOfRequest } from "./core/gate-routes.js";
export {
  type Intent,
  type IntentStatus,
  intentStatuses,
  isOpenIntent,
  isOwnIntent,
  runOfIntent,
} from "./core/intents.js";
export { type HeldKey, heldKeys } from "./core/left-effects.js";
export { ID_CHARS, PLAN_TEXT_CHARS } from "./core/limits.js";
export { isSamePerson, type TerminalName } from "./core/names.js";
export { openWaits } from "./core/next.js";
export { readPlan } from "./core/plan.js";
export { planJsonSchema } from "./core/plan-schema.js";
export { planWire } from "./core/plan-wire.js";
export { commandsOf, isPlanning, type ShownPlan, shownPlan } from "./core/planning.js";
export type { CandidateEnd, PolicyRequest } from "./core/policy-request.js";
export {
  candidateOf,
  candidateWords,
  isRaced,
  refusalWords,
  shownCandidate,
  workedStep,
  workedSteps,
} from "./core/race.js";
export {
  type Envelope,
  RECEIPT_TYPE,
  type ReceiptCheck,
  type ReceiptRefusal,
  type ReceiptStatement,
  type RunReceipt,
  type Statement,
  type TestResultStatement,
  type TrustedKey,
  trustedKeysIn,
  verifyReceipt,
} from "./core/receipts/verify.js";
export type { HostChange, HostRun, HostRunStatus, HostStep, HostStepStatus } from "./core/reported.js";
export { type ResumeIntent, resumeIntent } from "./core/resume-intent.js";
export {
  awaitsApproval,
  type Candidate,
  hasPolicyRequest,
  isActive,
  type Run,
  type RunStatus,
  runStatuses,
  type Step,
  type WorkedStep,
} from "./core/run.js";
export { isWithin, type SdkKey } from "./core/sdk-key.js";
export { formatSize, parseSize } from "./core/size.js";
export { type Attended, type StateWord, type StepWord, stepWord } from "./core/state-word.js";
export type {
  ClientEventType,
  SideEffectClass,
  TrackedEventType,
  TrackedStatus,
} from "./core/tracked.js";
export type {
  CompletedHandoff,
  CompleteHandoffInput,
  CreateCheckpointInput,
  CreatedCheckpoint,
  EndedRun,
  EndRunInput,
  HandoffInput,
  OpenedHandoff,
  RecordArtifactInput,
  RecordEventInput,
  RecordedArtifact,
  RecordedEvent,
  ResumeRunInput,
  RunEventsInput,
  RunInput,
  StartedRun,
  StartRunInput,
} from "./core/tracked-wire.js";
export { isSpending, type Usage, usageOfRun, usageOfStep } from "./core/usage.js";
export { protectedAs, type TestsFound, type Verdict, type Violation } from "./core/verdict.js";
export { isOver, promiseId } from "./core/waits.js";
export type { Waiting } from "./core/why.js";
export { isId } from "./core/wire.js";
export type { AgentTask } from "./engine/agents/agent.js";
export type { AgentAnswer, AgentFunction } from "./engine/agents/function.js";
export { compactionsIn } from "./engine/agents/llm/compactions.js";
export type { Migration, VersionedAgent } from "./engine/agents/versions.js";
export type { Worker } from "./engine/backends/local.js";
export type { ListedChild } from "./engine/children.js";
export type { EffectAnswer } from "./engine/effects/answer.js";
export type {
  ChildOptions,
  EffectContext,
  EffectGiven,
  EffectOptions,
  PromiseGiven,
  PromiseOptions,
} from "./engine/effects/context.js";
export {
  type EffectQuery,
  type EffectStatus,
  effectStatuses,
  type ListedEffect,
} from "./engine/effects/list.js";
export type { ChildResult } from "./engine/effects/recorded.js";
export type { SpentTokens } from "./engine/effects/spending.js";
export type { Resumed, Turn } from "./engine/effects/turns.js";
export type { Erased, Erasing } from "./engine/erasing.js";
export type { Driven } from "./engine/executor.js";
export type { Finding } from "./engine/findings.js";
export { type Execute, type ExecutionGiven, NotExecuted } from "./engine/gate/executing.js";
export type { GateCalls } from "./engine/gate/faces.js";
export type { NewIntent } from "./engine/gate/gate.js";
export type { ListedMandate, NewDelegation, NewStanding } from "./engine/gate/mandates.js";
export { type PayloadGiven, ReadElsewhere } from "./engine/gate/payload.js";
export {
  askWorker,
  type Performed,
  type ProgramEffect,
  type ProgramEffectEnd,
  programEffect,
} from "./engine/host-client.js";
export type { Collected, Collecting, Forking, Imported } from "./engine/keeping.js";
export type { StepLogs } from "./engine/logs.js";
export type { ListedTarget, TriedTarget } from "./engine/notify/notifying.js";
export type { ResumePoint } from "./engine/open-checkpoints.js";
export type { OpenPromise, PromiseAnswer } from "./engine/promises.js";
export type { Pruned, PrunedRun, Pruning } from "./engine/pruning.js";
export type { Relative } from "./engine/relatives.js";
export { createResumer, type ResumeCandidate, type ResumeReply, type Resumer } from "./engine/resumer.js";
export type { ListedSchedule } from "./engine/schedules/scheduling.js";
export type { ResumeContext } from "./engine/tracked/context.js";
export type { TrackedEventLine } from "./engine/tracked/events.js";
export type { ListedRunEvents, RunTold } from "./engine/tracked/told.js";
export type { TrackedRuns } from "./engine/tracked/tracked.js";
export { type Integrity, type VerifiedRun, verifiedRun } from "./engine/tracked/verified.js";
export type { ListedCheckpoint } from "./ledger/checkpoints/checkpoints.js";
export type { Glance } from "./ledger/glance.js";
export type { Ledger } from "./ledger/ledger.js";
export type { ListedRun, RunView } from "./ledger/look-up.js";
export type { Metrics } from "./ledger/metrics/metrics.js";
export type { SignedReceipt } from "./ledger/receipts.js";
export type { ListedSdkKey, NewSdkKey, OpenedSdkKey, SdkKeyUse } from "./ledger/sdk-keys.js";
export { type CredentialUse, expiryIn, type NewCredential, type SignedCredential } from "./ledger/signed.js";
export type { Flaw, FlawKind } from "./ledger/verify/flaws.js";
export type { Verification } from "./ledger/verify/verify.js";
export { glanceAt, ledgerVersionAt, verifyAt } from "./look.js";
export { type OpenOptions, openRunLedger, type RunLedger } from "./open.js";
export type { Applied, Patch } from "./pev/checkout.js";
export type { SelftestFinding, SelftestReport, Trial, TriedValidator } from "./pev/selftest/report.js";
export type { SelftestOptions } from "./pev/selftest/selftest.js";
export { type LookedUp, lookUpJournal, lookUpObjects, signingKeysAt } from "./receipt-look.js";
export { Gate, type GateOptions } from "./remote/gate.js";
export {
  type BackgroundAdapter,
  type BackgroundTask,
  createBackgroundAdapter,
  createWorkflowAdapter,
  type NewTask,
  type NewWorkflow,
  type TaskStatus,
  type Workflow,
  type WorkflowAdapter,
  type WorkflowStep,
} from "./rollout/adapters.js";
export type { Difference, Drift, DriftKind, Explanation } from "./rollout/drift.js";
export { openMarkdownBoard } from "./rollout/markdown-board.js";
export {
  changedRecord,
  type HostQuery,
  type NewHostRun,
  newRecord,
  type Projection,
} from "./rollout/projection.js";
export type { Replayed } from "./rollout/replay.js";
export {
  type Completion,
  createRollout,
  type Rollout,
  type RolloutOptions,
  type RolloutStatus,
} from "./rollout/rollout.js";
export { openSqlTables, type SqlTables } from "./rollout/sql-tables.js";
export {
  type RolloutSettings,
  type SettingChange,
  type Stage,
  type StageChange,
  stageOf,
  stages,
} from "./rollout/stage.js";
export {
  createTeammateMirror,
  type MirrorFailure,
  type MirrorPhase,
  type TeammateCondition,
  type TeammateMirror,
} from "./rollout/teammate-mirror.js";
export type { Trouble, Written } from "./rollout/writes.js";
export {
  migrateSettings,
  openSettingsDraft,
  type SettingRow,
  type SettingsDraft,
  type SettingsPreview,
  type SettingsTarget,
} from "./settings/draft.js";
export type { SettingEdit } from "./settings/edit.js";
export {
  type GatePolicies,
  openGatePolicies,
  type PolicyAnswer,
  type PolicyDefect,
  type PolicyFile,
  readPolicyFile,
} from "./settings/gate-policies.js";
export { namedGroups, settingGroups } from "./settings/groups.js";
export { settingsJsonSchema } from "./settings/keys.js";
export { parseYaml } from "./settings/layers.js";
export { getSetting, loadSettings } from "./settings/load.js";
export { aboutFile, planInText, readPlanFile, readTextFile } from "./settings/plan-file.js";
export { type TriedCase, type TriedPolicy, tryPolicyCases } from "./settings/policy-cases.js";
export { policyJsonSchema } from "./settings/policy-schema.js";
export { findProject } from "./settings/project.js";
export { type Settings, settingsListed } from "./settings/schema.js";
export { redactorOf } from "./settings/secrets.js";
export type { FileVersion } from "./stores/file-version.js";
export { packageFolder } from "./stores/package-folder.js";
export type { PublishedKey, Rotated, RotatedSigningKey, SealFacts, SealState } from "./stores/store.js";
