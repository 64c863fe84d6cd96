import {
  type Caller,
  type EffectAnswer,
  type EffectQuery,
  LedgerError,
  type ListedEffect,
  type RunLedger,
} from "../../../index.js";
import { statusCell, timeOf } from "../describe.js";
import { effectClass, effectWords, resultIn } from "../effect-words.js";
import { EXIT } from "../exit-codes.js";
import type { Keyed } from "../groups/run.js";
import { type Output, printJson, printLine, safe, say } from "../output.js";
import { printTable } from "../table.js";
import { timeCell } from "../time-cells.js";
import { standing } from "./act.js";

/** All that are asked for as a table, or the one at a position with its result. */
export const printEffects = async (
  app: RunLedger,
  output: Output,
  runId: string,
  query: EffectQuery,
): Promise<number> => {
  const found = await app.effects(runId, { ...query, values: query.position !== undefined });
  const effects = query.position === undefined ? found : lastOf(runId, query, found);
  const blocked =
    output.json || (query.position === undefined && query.open !== true)
      ? await app.blockedSideEffectKeys(runId)
      : new Set<string>();
  if (output.json) printJson(output, { runId, effects, blockedSideEffectKeys: [...blocked] });
  else if (query.position === undefined) await printList(output, effects, query);
  else for (const effect of effects) await printOne(output, effect);
  if (!output.json && blocked.size > 0) say(output, safe(`Blocked keys: ${[...blocked].join(", ")}`));
  return EXIT.done;
};

/** Of the last attempt that came so far; of a race there may be one for each candidate. */
const lastOf = (
  runId: string,
  { stepId, attempt, position }: EffectQuery,
  found: readonly ListedEffect[],
): readonly ListedEffect[] => {
  const last = found.at(-1)?.attempt;
  if (last !== undefined) return found.filter((effect) => effect.attempt === last);
  const where = attempt === undefined ? "" : ` in attempt ${attempt}`;
  throw new LedgerError("effect_not_found", `Step "${stepId}" has no effect ${position}${where}.`, {
    hint: `All that there are: runledger effects ${runId}`,
  });
};

const printList = (output: Output, effects: readonly ListedEffect[], { open }: EffectQuery): Promise<void> =>
  printTable(output, {
    head: ["STEP", "ATTEMPT", "EFFECT", "NAME", "CLASS", "STATUS", "TIME", "LAST WORD"],
    rows: effects.map((effect) => [
      effect.stepId,
      attemptOf(effect),
      { text: String(effect.position), right: true },
      effect.name,
      effectClass(effect),
      statusCell(effect.status),
      timeCell(effect.settledAt ?? effect.since),
      effectWords(effect),
    ]),
    empty: open === true ? "No effects are open." : "No effects are recorded.",
  });

const attemptOf = ({ attempt, candidate }: ListedEffect): string =>
  candidate === null ? String(attempt) : `${attempt} (candidate ${candidate})`;

const printOne = async (output: Output, effect: ListedEffect): Promise<void> => {
  const { stepId, position, name, onAmbiguous, since, settledAt, key, givenKey, decision, origin } = effect;
  await printTable(output, {
    rows: [
      ["effect", `${position} ${name}`],
      ["step", `${stepId}, attempt ${attemptOf(effect)}`],
      ["class", `${effectClass(effect)}${onAmbiguous === null ? "" : `; in doubt: ${onAmbiguous}`}`],
      ["status", statusCell(effect.status)],
      ...(since === null ? [] : [["begun", timeOf(since)]]),
      ...(settledAt === null ? [] : [["settled", timeOf(settledAt)]]),
      ["key", key ?? `${givenKey} (of its position)`],
      ...(decision === null
        ? []
        : [["decision", `${decision.decision} by ${decision.by.name}: ${decision.reason}`]]),
      ...(origin === null ? [] : [["first", `${origin.runId}, event ${origin.seq}`]]),
      ...(effect.error === null ? [] : [["error", effect.error]]),
    ],
    empty: "",
  });
  if (effect.value !== undefined) printLine(output, safe(JSON.stringify(effect.value, null, 2)));
};

export type DecideOptions = Keyed &
  Pick<EffectAnswer, "reason" | "attempt" | "candidate"> & {
    /** As JSON. */
    readonly value?: string;
  };

export const decideEffect = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  of: Pick<EffectAnswer, "stepId" | "position" | "decision">,
  { idempotencyKey, value, ...said }: DecideOptions,
): Promise<number> => {
  if ((of.decision === "done") !== (value !== undefined))
    throw new LedgerError("invalid_input", `--value belongs to "done", and "done" needs it.`, {
      hint: "Give what the effect answered as JSON: --value '\"receipt 7\"'; --value null where it answers nothing.",
    });
  const answer = { ...of, ...said, ...(value === undefined ? {} : { value: resultIn(value) }) };
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  return standing(app, output, await app.answerEffect(caller, runId, answer, key));
};
