import type { Rules } from "../../core/decide/guards.js";
import type { EffectOutcome, EffectValue } from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import type { Redactor } from "../../core/redact.js";
import type { Store } from "../../stores/store.js";

type Keeper = {
  readonly store: Store;
  readonly redactor: Redactor;
  readonly rules: Pick<Rules, "recording">;
};

/** The run whose journal has it, and the name of its effect. */
type NamedValue = { readonly runId: string; readonly name: string };

/** A result as it is kept, and as every life of the attempt gets it: through JSON, without secrets. */
export const keepValue = async (
  { store, redactor, rules }: Keeper,
  { runId, name }: NamedValue,
  value: unknown,
): Promise<EffectValue> => {
  const json = JSON.stringify(redactor.deep(value ?? null));
  if (json === undefined)
    throw new LedgerError("invalid_input", `The result of effect "${name}" is nothing that JSON can tell.`, {
      hint: "Return strings, numbers, booleans, lists and plain objects.",
    });
  const bytes = Buffer.byteLength(json);
  const most = rules.recording?.resultBytes ?? limit.EFFECT_VALUE_BYTES;
  if (bytes > most) throw tooLarge(name, bytes, most);
  if (bytes <= limit.EFFECT_INLINE_BYTES) return { kind: "inline", json };
  return { kind: "blob", hash: await store.putBlob(Buffer.from(json), runId), bytes };
};

/** How it ended once it has happened: that its result cannot be kept is no reason to do it again. */
export const keptOutcome = (keeper: Keeper, of: NamedValue, value: unknown): Promise<EffectOutcome> =>
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

export type InlineValue = Extract<EffectValue, { kind: "inline" }>;

/** Of a result that stands in its event: no file is asked. */
export const inlineValue = (name: string, { json }: InlineValue): unknown => {
  requireShort(name, Buffer.byteLength(json));
  return JSON.parse(json);
};

export const readValue = async (
  store: Store,
  { runId, name }: NamedValue,
  value: EffectValue,
): Promise<unknown> => {
  if (value.kind === "inline") return inlineValue(name, value);
  requireShort(name, value.bytes);
  const blob = await store.getBlob(value.hash, runId);
  if (blob !== undefined) return JSON.parse(Buffer.from(blob).toString("utf8"));
  throw new LedgerError("blob_corrupt", `The result of effect "${name}" is not there (blob ${value.hash}).`, {
    hint: "Restore the ledger from a backup.",
  });
};

/** A limit holds for what is read too, whoever wrote it: the largest there is, for a setting may have been higher before. */
const requireShort = (name: string, bytes: number): void => {
  if (bytes > limit.EFFECT_VALUE_BYTES) throw tooLarge(name, bytes, limit.EFFECT_VALUE_BYTES);
};

const tooLarge = (name: string, bytes: number, most: number): LedgerError =>
  new LedgerError(
    "limit_exceeded",
    `The result of effect "${name}" has ${bytes} bytes; ${most} are the most.`,
    { hint: "Write it to a file of the workspace, and return where it lies." },
  );
