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
  if (statement.reader) statement.raw();
  const bound = (given: Given): unknown[] => inputs.map((input) => input(given));
  return {
    run: (given: Given): Database.RunResult => statement.run(bound(given)),
    /** The columns of the first row, in the order of the question. */
    values: (given: Given): unknown[] | undefined => statement.get(bound(given)),
  };
};

/**
 * The same for what runs at every append: it is handed its values in the order of these names, as SQLite takes them, and looks none
 * of them up. Throws where the statement wants another order, or its values encoded.
 */
export const inOrder = (
  sqlite: Database.Database,
  query: { toSQL(): { readonly sql: string; readonly params: readonly unknown[] } },
  names: readonly string[],
) => {
  const { sql, params } = query.toSQL();
  const wanted = params.map(nameOf).join();
  if (wanted !== names.join()) throw new Error(`a statement wants ${wanted} and is given ${names.join()}`);
  const statement = sqlite.prepare<unknown[], unknown[]>(sql);
  if (statement.reader) statement.raw();
  return {
    run: (values: readonly unknown[]): Database.RunResult => statement.run(values),
    /** The columns of the first row, in the order of the question. */
    values: (values: readonly unknown[]): unknown[] | undefined => statement.get(values),
  };
};

/** Of a value that is taken as it is. */
const nameOf = (param: unknown): string => {
  if (is(param, Placeholder)) return param.name;
  if (!is(param, Param) || !is(param.value, Placeholder)) return "?";
  const probe = {};
  return param.encoder.mapToDriverValue(probe) === probe ? param.value.name : `${param.value.name} encoded`;
};

const inputOf = (param: unknown): ((given: Given) => unknown) => {
  if (is(param, Placeholder)) return (given) => given[param.name];
  if (!is(param, Param)) return () => param;
  const { value, encoder } = param;
  if (!is(value, Placeholder)) return () => encoder.mapToDriverValue(value);
  const { name } = value;
  return (given) => encoder.mapToDriverValue(given[name]);
};
