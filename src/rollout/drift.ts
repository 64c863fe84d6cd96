import { canonicalJson, digestOf } from "../core/canonical.js";
import { cutShort } from "../core/cut.js";
import { isLedgerError } from "../core/errors.js";
import type { HostRun, HostStep } from "../core/reported.js";
import type { ExplanationRow } from "../stores/store.js";
import type { Mirrors } from "./mirrors.js";
import type { Projection } from "./projection.js";

/** One difference between the host's table and the ledger, in the host's words. */
export type Drift = Difference & {
  /** Over the whole difference and the table's name: the same difference has the same one. */
  readonly digest: string;
  readonly explained: Explanation | null;
};

export type Difference = {
  readonly kind: DriftKind;
  /** The host's id of the run. */
  readonly id: string;
  /** Null when the difference is not about one step. */
  readonly stepId: string | null;
  /** What each side says; null where there is nothing. */
  readonly projection: string | null;
  readonly ledger: string | null;
};

export type DriftKind =
  | "missing_in_projection"
  | "missing_in_ledger"
  /** Its journal cannot be read; the ledger's side is the code of the error. */
  | "unreadable_in_ledger"
  | "run_status"
  /** Result or error text of the run. */
  | "run_outcome"
  /** What never changes: kind, session, name, request, descriptor, time of creation. */
  | "run_facts"
  /** Which of the steps that both have comes after which. */
  | "step_order"
  | "step_missing_in_projection"
  | "step_missing_in_ledger"
  | "step_status"
  | "step_outcome"
  /** Goal, agent, dependencies. */
  | "step_facts";

export type Explanation = Pick<ExplanationRow, "by" | "reason" | "at">;

/** What one side lacks is all that the other has: who explained that it is missing has not explained what becomes of it. */
type Found = Difference & { readonly whole: HostRun | HostStep | null };

/** Runs of the host read at once. */
const PAGE = 200;

// Both sides are read as records of the host and compared as such, so there is one vocabulary and equal is equal.
export async function* driftOf(projection: Projection, mirrors: Mirrors): AsyncGenerator<Drift> {
  for await (const found of differing(projection, mirrors)) yield* await toldOf(mirrors, found);
}

/** Each with its digest, and with what a person said of it. */
export const toldOf = (mirrors: Mirrors, found: readonly Found[]): Promise<readonly Drift[]> =>
  Promise.all(
    found.map(async (difference) => {
      const { whole: _whole, ...told } = difference;
      const digest = digestOf({ table: mirrors.projection, ...difference });
      const said = await mirrors.explanationOf(digest);
      const explained = said === undefined ? null : { by: said.by, reason: said.reason, at: said.at };
      return { ...shortened(told), digest, explained };
    }),
  );

async function* differing(projection: Projection, mirrors: Mirrors): AsyncGenerator<readonly Found[]> {
  const seen = new Set<string>();
  const against = async (id: string, record: HostRun | undefined): Promise<readonly Found[]> => {
    try {
      return differences(record && mirrors.asKept(record), await mirrors.read(id));
    } catch (error) {
      // One journal that cannot be read must not hide what the other runs differ in; a ledger that fails hides everything.
      if (!isLedgerError(error) || error.kind !== "corrupt") throw error;
      return [unreadable(id, record, error.code)];
    }
  };
  const compared = async (id: string, record: HostRun | undefined) => {
    const first = await against(id, record);
    // Somebody may have written between the two readings; what stays is drift.
    return first.length === 0 ? first : against(id, await projection.read(id));
  };
  for await (const record of recordsOf(projection)) {
    seen.add(record.id);
    yield await compared(record.id, record);
  }
  for await (const { hostId } of mirrors.rows())
    if (!seen.has(hostId)) yield await compared(hostId, await projection.read(hostId));
}

const unreadable = (id: string, record: HostRun | undefined, code: string): Found => ({
  kind: "unreadable_in_ledger",
  id,
  stepId: null,
  projection: record?.status ?? null,
  ledger: code,
  whole: record ?? null,
});

/** All runs of a host, read page by page. */
export async function* recordsOf(projection: Projection): AsyncGenerator<HostRun> {
  for (let after: string | undefined; ; ) {
    const page = await projection.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    after = page.at(-1)?.id;
    if (page.length < PAGE) return;
  }
}

/** Everything in which two records of one run differ. */
export const differences = (
  projection: HostRun | undefined,
  ledger: HostRun | undefined,
): readonly Found[] => {
  const id = projection?.id ?? ledger?.id ?? "";
  const of =
    (stepId: string | null) =>
    (kind: DriftKind, here: string | null, there: string | null, whole: Found["whole"] = null) =>
      here === there ? [] : [{ kind, id, stepId, projection: here, ledger: there, whole }];
  const run = of(null);
  if (projection === undefined) return run("missing_in_projection", null, ledger?.status ?? null, ledger);
  if (ledger === undefined) return run("missing_in_ledger", projection.status, null, projection);
  const ours = new Map(ledger.steps.map((step) => [step.stepId, step]));
  const theirs = new Map(projection.steps.map((step) => [step.stepId, step]));
  return [
    ...run("run_status", projection.status, ledger.status),
    ...run("run_outcome", outcomeOf(projection), outcomeOf(ledger)),
    ...run("run_facts", runFacts(projection), runFacts(ledger)),
    ...run("step_order", orderOf(projection, ours), orderOf(ledger, theirs)),
    ...[...new Set([...theirs.keys(), ...ours.keys()])].flatMap((stepId) =>
      stepDifferences(theirs.get(stepId), ours.get(stepId), of(stepId)),
    ),
  ];
};

const stepDifferences = (
  projection: HostStep | undefined,
  ledger: HostStep | undefined,
  step: (
    kind: DriftKind,
    here: string | null,
    there: string | null,
    whole?: Found["whole"],
  ) => readonly Found[],
): readonly Found[] => {
  if (projection === undefined)
    return step("step_missing_in_projection", null, ledger?.status ?? null, ledger);
  if (ledger === undefined) return step("step_missing_in_ledger", projection.status, null, projection);
  return [
    ...step("step_status", projection.status, ledger.status),
    ...step("step_outcome", outcomeOf(projection), outcomeOf(ledger)),
    ...step("step_facts", stepFacts(projection), stepFacts(ledger)),
  ];
};

const outcomeOf = ({ result, error }: HostRun | HostStep): string => canonicalJson({ result, error });

const runFacts = ({ kind, sessionKey, name, request, descriptor, createdAt }: HostRun): string =>
  canonicalJson({ kind, sessionKey, name, request, descriptor, createdAt });

const orderOf = ({ steps }: HostRun, others: ReadonlyMap<string, unknown>): string =>
  canonicalJson(steps.map(({ stepId }) => stepId).filter((id) => others.has(id)));

const stepFacts = ({ goal, agent, dependsOn }: HostStep): string => canonicalJson({ goal, agent, dependsOn });

/** The digest is over all of it; what is shown of a long text is its beginning. */
const SHOWN_CHARS = 500;

const shortened = (difference: Difference): Difference => ({
  ...difference,
  projection: difference.projection === null ? null : cutShort(difference.projection, SHOWN_CHARS),
  ledger: difference.ledger === null ? null : cutShort(difference.ledger, SHOWN_CHARS),
});
