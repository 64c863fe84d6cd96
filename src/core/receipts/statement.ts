import { canonicalJson } from "../canonical.js";
import type { Criterion, Proposal, Run, Step } from "../run.js";
import { validatorDigest } from "../spec.js";
import { usageOfRun } from "../usage.js";
import type { Verdict } from "../verdict.js";
import { notChecked } from "./claims.js";
import { intentsOf } from "./intents.js";
import { testResultsOf } from "./test-results.js";
import {
  RECEIPT_TYPE,
  type ReceiptStatement,
  type RunReceipt,
  STATEMENT_TYPE,
  type TestResultStatement,
} from "./verify.js";
import type { Witness } from "./witness.js";

/**
 * Raised with whatever makes another statement of the same journal: what was signed before says what was made then, and is no
 * longer compared with what is made now. Those without a number were made before effects skipped by a person named that one.
 */
export const STATEMENT_NUMBER = 1;

/** What a journal does not say of itself. */
export type SignedBy = {
  readonly ledgerId: string;
  readonly versions: RunReceipt["versions"];
  /** Of the event that ended the run, in the ledger that signed: where a run comes back, its events stand elsewhere. Undefined: none was told. */
  readonly position: number | undefined;
};

export type Statements = {
  readonly run: ReceiptStatement;
  /** One for each step and criterion that a validator decided on. */
  readonly testResults: readonly TestResultStatement[];
};

// A pure function of the journal up to its end: made again, it is the same to the byte.
export const statementsOf = (witness: Witness, by: SignedBy): Statements => {
  const { run, end } = witness;
  const receipt = receiptOf(witness, by);
  return {
    run: {
      _type: STATEMENT_TYPE,
      subject: [
        { name: `journal of ${run.runId}`, digest: { sha256: end.hash } },
        ...(run.head === null ? [] : [{ name: "head", digest: { gitCommit: run.head } }]),
        ...subjectTree(receipt),
        ...patchesOf(run),
        ...artifactsOf(witness),
      ],
      predicateType: RECEIPT_TYPE,
      predicate: receipt,
    },
    testResults: testResultsOf(receipt),
  };
};

/** What is signed, and hashed for lists. */
export const statementBytes = (statement: ReceiptStatement | TestResultStatement): Buffer =>
  Buffer.from(canonicalJson(statement), "utf8");

/** The head is the base until something was verified, and the tree of that only git knows. */
const subjectTree = ({ head, steps }: RunReceipt): ReceiptStatement["subject"] => {
  const tree = steps.find(({ verdict }) => verdict?.commit === head)?.verdict?.tree;
  return head === null || tree == null ? [] : [{ name: "head tree", digest: { gitTree: tree } }];
};

/** The artifacts of a run: of each step the patch that was judged, as it is kept. */
const patchesOf = ({ steps }: Run): ReceiptStatement["subject"] =>
  steps.flatMap(({ spec, state }) => {
    const patch = proposalOf(state)?.capture.patch ?? null;
    return patch === null ? [] : [{ name: `patch of step ${spec.id}`, digest: { sha256: patch } }];
  });

/** Under the event that told it: one place may hold another thing later. */
const artifactsOf = ({ artifacts }: Witness): ReceiptStatement["subject"] =>
  artifacts.listed
    .filter(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256))
    .map(({ seq, uri, sha256 }) => ({ name: `artifact of event ${seq}: ${uri}`, digest: { sha256 } }));

const receiptOf = (witness: Witness, { ledgerId, versions, position }: SignedBy): RunReceipt => {
  const { run, end, verdictSeqs, approvals, decisions, effects, artifacts } = witness;
  const { runId, base, head, planDigest, forkedFrom } = run;
  const told = (verdict: Verdict) => verdictOf(verdict, verdictSeqs.get(verdict) ?? 0);
  const receipt = {
    run: { ...endOf(run, end.at), id: runId, forkedFrom },
    ...{ planDigest, base, head },
    steps: run.steps.map((step) => stepOf(step, run, told)),
    criteria: run.criteria.map((criterion, index) => criterionOf(criterion, index, told)),
    ...{ approvals, decisions, intents: intentsOf(run), effects, artifacts },
    usage: usageOfRun(run),
    journal: {
      ...{ origin: ledgerId, first: 1, last: end.seq, root: end.hash },
      ...(position === undefined ? {} : { position }),
    },
    versions,
  };
  return { ...receipt, claims: { notChecked: notChecked(receipt) } };
};

const endOf = (run: Run, endedAt: string): Omit<RunReceipt["run"], "id" | "forkedFrom"> => {
  const { createdAt, createdBy, parent, source, tracked, state } = run;
  return {
    status: state.status === "completed" ? "completed" : "failed",
    reason: state.status === "failed" ? state.reason : null,
    ...{ createdAt, endedAt, createdBy },
    parent: parent && {
      ...{ runId: parent.runId, seq: parent.seq, stepId: parent.stepId, attempt: parent.attempt },
    },
    host: source && { kind: source.kind, projection: source.projection, hostId: source.hostId },
    client: tracked && {
      ...{ agentId: tracked.agentId, runtime: tracked.runtime },
      lineage: tracked.lineage && {
        ...{ runId: tracked.lineage.runId, seq: tracked.lineage.seq, hash: tracked.lineage.hash },
      },
      ...{ recorded: tracked.recorded, skipped: tracked.skipped, openHandoffs: tracked.handoffs.length },
    },
  };
};

type Tell = (verdict: Verdict) => NonNullable<RunReceipt["criteria"][number]["verdict"]>;

const stepOf = (step: Step, { waivers }: Run, told: Tell): RunReceipt["steps"][number] => {
  const { spec, state, attempt, retryCount, candidates } = step;
  const proposal = proposalOf(state);
  const verdict =
    "verdict" in state ? state.verdict : state.status === "verify_pending" ? state.lastError : null;
  return {
    id: spec.id,
    agent: spec.ownerAgent,
    status: state.status,
    how: state.status === "completed" ? state.how : null,
    attempts: attempt,
    retries: retryCount,
    candidate: candidates.find((one) => one.state.status === "completed")?.candidate ?? null,
    proposal: proposal && {
      seq: proposal.seq,
      ...{ base: proposal.capture.base, commit: proposal.capture.commit, tree: proposal.capture.tree },
    },
    validator: { type: spec.validator.type, digest: validatorDigest(spec.validator) },
    verdict: verdict && told(verdict),
    waivers: waivers.filter(({ stepId }) => stepId === spec.id).map(({ kind }) => kind),
  };
};

const proposalOf = (state: Step["state"]): Proposal | null => ("proposal" in state ? state.proposal : null);

const criterionOf = ({ state }: Criterion, index: number, told: Tell): RunReceipt["criteria"][number] => ({
  index,
  status: state.status,
  verdict: state.status === "unchecked" ? null : told(state.verdict),
});

const verdictOf = (verdict: Verdict, seq: number): ReturnType<Tell> => {
  const { outcome, reason, proposalSeq, commit, tree, validator, isolationLevel, tests } = verdict;
  const { exitCode: code, signal, counts, protectedPaths, durationMs } = verdict;
  const heldOut = tests?.heldOut ?? null;
  return {
    ...{ seq, outcome, reason, proposalSeq, commit, tree, isolationLevel, durationMs },
    validator: { type: validator.type, digest: validator.digest },
    exit: { kind: signal !== null ? "signal" : code !== null ? "code" : "none", code, signal },
    tests: counts,
    heldOut: heldOut && { digest: heldOut.digest, files: heldOut.files, tests: heldOut.counts },
    tamperedPaths: protectedPaths,
  };
};
