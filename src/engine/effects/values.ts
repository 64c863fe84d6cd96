import type { EffectOutcome, EffectValue } from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import type { Redactor } from "../../core/redact.js";
import type { Store } from "../../stores/store.js";

/** The run whose journal has it, and the name of its effect. */
type NamedValue = { readonly runId: string; readonly name: string };

/** A result as it is kept, and as every life of the attempt gets it: through JSON, without secrets. */
export const keepValue = async (
  { store, redactor }: { readonly store: Store; readonly redactor: Redactor },
  { runId, name }: NamedValue,
  value: unknown,
): Promise<EffectValue> => {
  const json = JSON.stringify(redactor.deep(value ?? null));
  if (json === undefined)
    throw new LedgerError("invalid_input", `The result of effect "${name}" is nothing that JSON can tell.`, {
      hint: "Return strings, numbers, booleans, lists and plain objects.",
    });
  const bytes = Buffer.byteLength(json);
  if (bytes > limit.EFFECT_VALUE_BYTES) throw tooLarge(name, bytes);
  if (bytes <= limit.EFFECT_INLINE_BYTES) return { kind: "inline", json };
  return { kind: "blob", hash: await store.putBlob(Buffer.from(json), runId), bytes };
};

/** How it ended once it has happened: that its result cannot be kept is no reason to do it again. */
export const keptOutcome = (
  keeper: Parameters<typeof keepValue>[0],
  of: NamedValue,
  value: unknown,
): Promise<EffectOutcome> =>
  keepValue(keeper, of, value).then(
    (kept) => ({ kind: "done", value: kept }) as const,
    (error: unknown) => failedWith(keeper.redactor, error, true),
  );

/** What it threw, in words. */
export const failedWith = ({ text }: Redactor, error: unknown, happened: boolean): EffectOutcome => ({
  kind: "failed",
  error: text(error instanceof Error ? error.message : String(error)),
  happened,
});

/** The limit holds for what is read too: who wrote the journal may have known another one. */
export const readValue = async (
  store: Store,
  { runId, name }: NamedValue,
  value: EffectValue,
): Promise<unknown> => {
  const bytes = value.kind === "inline" ? Buffer.byteLength(value.json) : value.bytes;
  if (bytes > limit.EFFECT_VALUE_BYTES) throw tooLarge(name, bytes);
  if (value.kind === "inline") return JSON.parse(value.json);
  const blob = await store.getBlob(value.hash, runId);
  if (blob !== undefined) return JSON.parse(Buffer.from(blob).toString("utf8"));
  throw new LedgerError("blob_corrupt", `The result of effect "${name}" is not there (blob ${value.hash}).`, {
    hint: "Restore the ledger from a backup.",
  });
};

const tooLarge = (name: string, bytes: number): LedgerError =>
  new LedgerError(
    "limit_exceeded",
    `The result of effect "${name}" has ${bytes} bytes; ${limit.EFFECT_VALUE_BYTES} are the most.`,
    { hint: "Write it to a file of the workspace, and return where it lies." },
  );
