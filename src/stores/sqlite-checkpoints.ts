import { and, eq, inArray, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { checkpoints } from "./schema-sqlite.js";
import type { CheckpointStore } from "./store.js";

/** In the ledger's own file: they are committed as its events are, and go in the same transaction as their run. */
export const sqliteCheckpoints = (
  db: BetterSQLite3Database,
  call: <T>(work: () => T) => T,
): CheckpointStore => {
  const named = ({ runId, id }: { readonly runId: string; readonly id: string }) =>
    and(eq(checkpoints.runId, runId), eq(checkpoints.id, id));
  return {
    put: async ({ runId, id }, bytes) => {
      call(() =>
        db
          .insert(checkpoints)
          .values({ runId, id, bytes: Buffer.from(bytes) })
          .run(),
      );
    },
    get: async (name) =>
      call(() => db.select({ bytes: checkpoints.bytes }).from(checkpoints).where(named(name)).get()?.bytes),
    sizes: async (runId) =>
      call(() => {
        const bytes = sql<number>`length(${checkpoints.bytes})`;
        const rows = db.select({ id: checkpoints.id, bytes }).from(checkpoints);
        return new Map(
          rows
            .where(eq(checkpoints.runId, runId))
            .all()
            .map((row) => [row.id, row.bytes]),
        );
      }),
    remove: async (runId, ids) => {
      const these = and(eq(checkpoints.runId, runId), inArray(checkpoints.id, [...ids]));
      call(() => db.delete(checkpoints).where(these).run());
    },
    removeRun: async (runId) => {
      call(() => db.delete(checkpoints).where(eq(checkpoints.runId, runId)).run());
    },
  };
};
