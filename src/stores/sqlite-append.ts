import type Database from "better-sqlite3";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { LedgerError } from "../core/errors.js";
import { INTENT_SCOPE } from "../core/intents.js";
import type { Outcome } from "./group-commit.js";
import { isStoreFailure } from "./sqlite-errors.js";
import type { appendStatements, Head, readStatements } from "./sqlite-statements.js";
import type { AppendBatch, EventRow, NewMirror, ProposalCount, RunCipher } from "./store.js";

/** Keeps the key of a sealed run, in the transaction that brings its first events; null for a plain one. */
type KeepKey = (runId: string, cipher: RunCipher | null) => void;

/**
 * All batches of a group in one transaction: one sync, and no shared refusals. Refusals are rare, and a savepoint for each batch
 * costs as much as a row: so only a group with a refused one in it is written again, each batch in a savepoint of its own.
 */
export const groupCommitter = (sqlite: Database.Database, statements: Statements, keepKey?: KeepKey) => {
  const write = (batch: AppendBatch): readonly EventRow[] => {
    if (batch.expectedSeq === 0) keepKey?.(batch.runId, batch.cipher ?? null);
    return appendBatch(statements, batch);
  };
  const transaction = sqlite.transaction(write);
  // Called within a transaction it makes a savepoint.
  const attempt = (batch: AppendBatch): Outcome<readonly EventRow[]> => {
    try {
      return { done: transaction(batch) };
    } catch (error) {
      // Without a transaction around it the next batch would be committed on its own.
      if (isStoreFailure(error) || !sqlite.inTransaction) throw error;
      return { refused: error };
    }
  };
  const apart = sqlite.transaction((group: readonly AppendBatch[]) => group.map(attempt)).immediate;
  const asOne = sqlite.transaction((group: readonly AppendBatch[]) =>
    group.map((batch) => ({ done: write(batch) })),
  ).immediate;
  const together = (group: readonly AppendBatch[]): readonly Outcome<readonly EventRow[]>[] => {
    try {
      return asOne(group);
    } catch (error) {
      // Nothing of it is there any more.
      if (isStoreFailure(error)) throw error;
      return apart(group);
    }
  };
  return (group: readonly AppendBatch[]): readonly Outcome<readonly EventRow[]>[] => {
    const [only] = group;
    return only !== undefined && group.length === 1 ? [alone(transaction.immediate, only)] : together(group);
  };
};

/** Whose refusal harms nobody needs no savepoint. */
const alone = (
  append: (batch: AppendBatch) => readonly EventRow[],
  batch: AppendBatch,
): Outcome<readonly EventRow[]> => {
  try {
    return { done: append(batch) };
  } catch (error) {
    if (isStoreFailure(error)) throw error;
    return { refused: error };
  }
};

type Statements = ReturnType<typeof appendStatements> &
  Pick<ReturnType<typeof readStatements>, "key" | "removal">;
type Last = { readonly seq: number; readonly hash: string; readonly at: string };

/**
 * The order of the refusals is the order of use to the caller: a command that is already recorded needs no lease, and
 * who lost the lease must not read again and retry.
 */
const appendBatch = (statements: Statements, batch: AppendBatch): readonly EventRow[] => {
  for (const freed of batch.freed ?? []) statements.freeKey.run({ ...freed, runId: batch.runId });
  refuseUsedKey(statements, batch.key);
  refuseTakenAct(statements, batch.businessKey);
  const { runId } = batch;
  const isAhead = advance(statements, batch);
  const head = isAhead ? undefined : statements.head(runId);
  if (!isAhead) refuseLostLease(batch, head);
  if (batch.counted) refuseOvercount(statements, runId, batch.counted);
  if (!isAhead) saveRun(statements, batch, head);
  saveKeys(statements, batch);
  const rows = batch.events.map((event) => {
    const { seq, type, version, at, actor, sessionKey, attempt, payload, prevHash, hash } = event;
    const { lastInsertRowid } = statements.insertEvent.run([
      runId,
      seq,
      type,
      version,
      at,
      actor.name,
      actor.role,
      sessionKey,
      attempt,
      payload,
      prevHash,
      hash,
    ]);
    const position = Number(lastInsertRowid);
    return { position, runId, seq, type, version, at, actor, sessionKey, attempt, payload, prevHash, hash };
  });
  if (batch.snapshot) statements.saveSnapshot.run({ ...batch.snapshot, runId });
  if (batch.mirror) insertMirror(statements, batch.mirror, runId, batch.events.at(-1)?.at);
  if (batch.origin) statements.insertOrigin.run({ ...batch.origin, runId });
  return rows;
};

/** Nothing is known of the host's table yet, so it starts out pending. */
const insertMirror = (
  statements: Statements,
  mirror: NewMirror,
  runId: string,
  at: string = mirror.createdAt,
): void => {
  const { projection, hostId } = mirror;
  const taken = statements.mirrored.values({ projection, hostId });
  if (taken !== undefined)
    throw new LedgerError(
      "run_exists",
      `The host's run "${hostId}" of "${projection}" is run "${taken[0]}" already.`,
      { details: { hostId, runId: taken[0] } },
    );
  statements.insertMirror.run({ ...mirror, runId, state: "pending", syncedSeq: 0, error: null, at });
};

/** What a client records, an agent does and an intent asks for is one act under one key, whoever takes it. */
const ACT_SCOPES: readonly string[] = [EFFECT_SCOPE, INTENT_SCOPE];

const refuseTakenAct = (statements: Statements, taken: AppendBatch["businessKey"]): void => {
  if (taken === undefined) return;
  const scopes = ACT_SCOPES.includes(taken.scope) ? ACT_SCOPES : [taken.scope];
  for (const scope of scopes) refuseUsedKey(statements, taken, scope);
};

/** Refused in the words of who wants it, whichever scope it lies in. */
const refuseUsedKey = (statements: Statements, key: AppendBatch["key"], scope = key?.scope): void => {
  const used = key && statements.key.get({ ...key, scope });
  if (!used) return;
  if (key.scope === EFFECT_SCOPE)
    throw new LedgerError("effect_key_used", `Run "${used.runId}" has taken the key "${key.key}" already.`, {
      hint: "Its result is what this one gets; try again.",
      details: used,
    });
  if (key.scope === INTENT_SCOPE)
    throw new LedgerError("seq_conflict", `Run "${used.runId}" has taken "${key.key}" already.`, {
      hint: "What came of it is the answer; try again.",
      details: used,
    });
  throw new LedgerError(
    "idempotency_key_reused",
    `The key "${key.key}" was already used by run "${used.runId}".`,
    {
      hint: "Use a new key for a new command.",
      details: used,
    },
  );
};

/** Somebody else was let through meanwhile, and the policy may allow no more. */
const refuseOvercount = (
  statements: Statements,
  runId: string,
  { agent, since, found }: ProposalCount,
): void => {
  const now = statements.countProposals(agent, since);
  if (now.every((count, at) => count === found[at])) return;
  throw new LedgerError("seq_conflict", `"${agent}" was let through with another intent meanwhile.`, {
    hint: "Count again and decide anew.",
    details: { runId },
  });
};

const refuseLostLease = ({ runId, epoch }: AppendBatch, head: Head | undefined): void => {
  if (epoch === undefined || head?.epoch === epoch) return;
  throw new LedgerError(
    "lease_lost",
    `Epoch ${epoch} of the lease on run "${runId}" is not the current one.`,
    {
      hint: "Stop working on the run: another worker may have taken it over.",
      details: { runId, epoch },
    },
  );
};

/** The name of a run that was taken out is for that run alone, when it comes back from its archive. */
const admit = (statements: Statements, { runId, events }: AppendBatch): void => {
  const removal = statements.removal.get({ runId });
  if (removal === undefined) return;
  if (events[removal.lastSeq - 1]?.hash !== removal.lastHash)
    throw new LedgerError(
      "run_exists",
      `Run "${runId}" was removed at ${removal.removedAt}; this is another one.`,
      {
        hint: removal.archive === null ? "Give the new run another id." : `Its archive: ${removal.archive}`,
        details: { runId, ...removal },
      },
    );
  statements.forgetRemoval.run({ runId });
};

/** Where the run will stand, if the batch follows what is there. */
const lastOf = (batch: AppendBatch, head: Head | undefined): Last => {
  const { runId, expectedSeq, events } = batch;
  const creates = expectedSeq === 0 && events[0]?.type === "run_created";
  const last = events.at(-1) ?? head;
  if (!last || !(head || creates)) throw new LedgerError("run_not_found", `There is no run "${runId}".`);
  if (head && expectedSeq === 0) throw new LedgerError("run_exists", `Run "${runId}" exists already.`);
  if (head && head.seq !== expectedSeq) {
    throw new LedgerError("seq_conflict", `Run "${runId}" is at seq ${head.seq}, not at ${expectedSeq}.`, {
      hint: "Read the run again and decide anew.",
      details: { runId, actual: head.seq, expected: expectedSeq },
    });
  }
  const gap = gapIn(batch);
  if (gap !== -1) {
    throw new LedgerError(
      "invalid_input",
      `Event ${gap} of the batch does not follow seq ${expectedSeq + gap}.`,
    );
  }
  return last;
};

const saveRun = (statements: Statements, batch: AppendBatch, head: Head | undefined): void => {
  if (head === undefined) admit(statements, batch);
  const last = lastOf(batch, head);
  const { runId, events, projection, updatedAt = last.at } = batch;
  const row = { runId, lastSeq: last.seq, lastHash: last.hash, updatedAt, ...projection };
  if (head === undefined) statements.insertRun.run({ ...row, createdAt: events[0]?.at ?? last.at });
  else statements.updateRun.run(row);
};

/**
 * Nearly every append goes on where its run stands, and moves it in no list: then nothing is asked first. False where it is another
 * one, and for whatever is to be refused; nothing is changed then.
 */
const advance = (statements: Statements, batch: AppendBatch): boolean => {
  const { runId, expectedSeq, events, projection, epoch = null } = batch;
  const last = events.at(-1);
  if (last === undefined || expectedSeq === 0 || gapIn(batch) !== -1) return false;
  const { updatedAt = last.at } = batch;
  const { status, goal, sessionKey, stepsTotal, stepsCompleted, blocker, runnable, wakeAt } = projection;
  const { changes } = statements.advanceRun.run([
    last.seq,
    last.hash,
    updatedAt,
    goal,
    stepsTotal,
    stepsCompleted,
    blocker,
    runId,
    expectedSeq,
    status,
    sessionKey,
    runnable ? 1 : 0,
    wakeAt,
    epoch,
    epoch,
  ]);
  return changes === 1;
};

const gapIn = ({ events, expectedSeq }: AppendBatch): number =>
  events.findIndex(({ seq }, index) => seq !== expectedSeq + 1 + index);

const saveKeys = (statements: Statements, batch: AppendBatch): void => {
  const { runId, expectedSeq, events, key, businessKey } = batch;
  const seqs = { firstSeq: expectedSeq + 1, lastSeq: expectedSeq + events.length };
  if (key) statements.insertKey.run({ ...key, runId, ...seqs });
  if (businessKey) statements.insertKey.run({ ...businessKey, runId, ...seqs });
};
