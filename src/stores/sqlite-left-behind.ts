import type Database from "better-sqlite3";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { INTENT_SCOPE } from "../core/intents.js";
import { leftFromScope, leftKeysScope, leftOriginScope } from "../core/left-scope.js";
import type { LeftBehind, LeftBehindStore, LeftOrigin } from "./leaving.js";

/** Each question passes the gate of the store. */
export const leftBehindOf = (sqlite: Database.Database, call: <T>(work: () => T) => T): LeftBehindStore => ({
  leftBehind: async (runId) => call(() => read(sqlite, runId)),
  leftOrigin: async (runId) =>
    call(() => sqlite.prepare<[string], LeftOrigin>(ORIGIN).get(leftOriginScope(runId))),
  letThroughSince: async (runId, since) =>
    call(() => sqlite.prepare(LET_THROUGH).get({ runId, since }) !== undefined),
});

const LET_THROUGH = `SELECT 1 FROM events
  WHERE run_id = @runId AND type = 'policy_checked' AND at > @since LIMIT 1`;

const ORIGIN = "SELECT key AS ledgerId, digest AS seal FROM keys WHERE scope = ?";

const read = (sqlite: Database.Database, runId: string): LeftBehind => {
  const rows = sqlite
    .prepare(
      "SELECT scope, key FROM keys WHERE run_id = @runId AND scope IN (@effect, @intent, @keys, @from)",
    )
    .all(scopes(runId)) as readonly { readonly scope: string; readonly key: string }[];
  const from = leftFromScope(runId);
  return {
    keys: [...new Set(rows.flatMap(({ scope, key }) => (scope === from ? [] : [key])))].sort(),
    from: rows.find(({ scope }) => scope === from)?.key ?? null,
  };
};

const scopes = (runId: string) => ({
  ...{ runId, effect: EFFECT_SCOPE, intent: INTENT_SCOPE },
  ...{ keys: leftKeysScope(runId), from: leftFromScope(runId) },
});

/** Within the transaction in which the run goes. The keys that it took itself stay where they are. */
export const leave = (
  sqlite: Database.Database,
  { runId, lastSeq }: { readonly runId: string; readonly lastSeq: number },
  { keys, from }: LeftBehind,
): void => {
  const of = scopes(runId);
  sqlite.prepare("DELETE FROM keys WHERE scope IN (@keys, @from)").run(of);
  const insert = sqlite.prepare(
    `INSERT INTO keys (scope, key, run_id, digest, first_seq, last_seq)
     SELECT @scope, @key, @runId, '', @lastSeq, @lastSeq WHERE NOT EXISTS
       (SELECT 1 FROM keys WHERE run_id = @runId AND scope IN (@effect, @intent) AND key = @key)`,
  );
  for (const key of keys) insert.run({ ...of, scope: of.keys, key, lastSeq });
  if (from === null) return;
  // A run's id, which may also be the key of something that it did.
  sqlite
    .prepare(
      `INSERT INTO keys (scope, key, run_id, digest, first_seq, last_seq)
       VALUES (@from, @key, @runId, '', @lastSeq, @lastSeq)`,
    )
    .run({ runId, from: of.from, key: from, lastSeq });
};

/** Within the same transaction. */
export const leaveOrigin = (
  sqlite: Database.Database,
  { runId, lastSeq }: { readonly runId: string; readonly lastSeq: number },
  { ledgerId, seal }: LeftOrigin,
): void => {
  const scope = leftOriginScope(runId);
  sqlite.prepare("DELETE FROM keys WHERE scope = ?").run(scope);
  sqlite
    .prepare(
      `INSERT INTO keys (scope, key, run_id, digest, first_seq, last_seq)
       VALUES (@scope, @ledgerId, @runId, @seal, @lastSeq, @lastSeq)`,
    )
    .run({ scope, ledgerId, runId, seal, lastSeq });
};
