import type Database from "better-sqlite3";
import { is, Param, Placeholder } from "drizzle-orm";

export type Given = Readonly<Record<string, unknown>>;

/**
 * A statement in drizzle's words, run by the driver itself. Which value goes where is settled once: drizzle works it out
 * at every run, and an append then spends more time on that than in SQLite.
 */
export const compiled = (
  sqlite: Database.Database,
  query: { toSQL(): { readonly sql: string; readonly params: readonly unknown[] } },
) => {
  const { sql, params } = query.toSQL();
  const inputs = params.map(inputOf);
  const statement = sqlite.prepare<unknown[], unknown[]>(sql);
  const bound = (given: Given): unknown[] => inputs.map((input) => input(given));
  return {
    run: (given: Given): Database.RunResult => statement.run(bound(given)),
    /** The columns of the first row, in the order of the question. */
    values: (given: Given): unknown[] | undefined => statement.raw().get(bound(given)),
  };
};

const inputOf = (param: unknown): ((given: Given) => unknown) => {
  if (is(param, Placeholder)) return (given) => given[param.name];
  if (!is(param, Param)) return () => param;
  const { value, encoder } = param;
  if (!is(value, Placeholder)) return () => encoder.mapToDriverValue(value);
  const { name } = value;
  return (given) => encoder.mapToDriverValue(given[name]);
};
