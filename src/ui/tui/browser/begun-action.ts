import { told } from "../kit/line.js";
import { type Ask, nothing, reason, withReason } from "./asked.js";
import type { Values } from "./dialog.js";
import { perform } from "./perform.js";
import { quoted } from "./words.js";

/** What became of a side effect that a client began: the word of a person who found out, as `runs answer` takes it. */
export const settleBegun: Ask = async ({ runId }, desk) => {
  const { tracked } = await desk.app.ledger.load(runId);
  const [begun] = tracked?.begun ?? [];
  if (begun === undefined) return nothing("Nobody asks here what became of an effect.");
  const { key, seq, class: kind } = begun;
  const twin = ({ outcome = "", reason: why }: Values): string =>
    `runledger runs answer ${runId} ${quoted(key)} ${outcome}${withReason(why)}`;
  return {
    title: "What became of a side effect",
    text: [
      told(`${key} (${kind}) was begun at event ${seq}, and nobody has said whether it happened.`),
      "One that did not happen gives its key back: it may then be done elsewhere.",
    ],
    fields: [
      {
        name: "outcome",
        label: "What became of it",
        required: true,
        choices: ["happened", "not-happened"],
      },
      reason(true),
    ],
    twin,
    confirm: "say so",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const happened = values.outcome === "happened";
        await desk.app.trackedRuns(desk.caller).recordEvent({
          ...{ runId, eventType: "tool_call_finished", actorId: desk.caller.name },
          ...{ sideEffectKey: key, sideEffectClass: kind, happened },
          payload: { reason: values.reason ?? "" },
        });
        return [told(happened ? `${key} happened, and stays blocked.` : `${key} is free again.`)];
      }),
  };
};
