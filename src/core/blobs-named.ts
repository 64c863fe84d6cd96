import type { JournalEvent } from "./events.js";
import type { Verdict } from "./verdict.js";

/** The blobs that an event says there are: without them what it tells cannot be shown any more. */
export const blobsNamed = (event: JournalEvent): readonly string[] => {
  switch (event.type) {
    case "step_result_proposed":
      return named(event.payload.capture.patch);
    case "step_validation_passed":
    case "step_validation_failed":
    case "step_validation_errored":
    case "criterion_met":
    case "criterion_unmet":
      return ofVerdict(event.payload.verdict);
    case "effect_settled": {
      const { outcome: told } = event.payload;
      const outcome = told.kind === "known" ? told.outcome : told;
      return outcome.kind === "done" && outcome.value.kind === "blob" ? [outcome.value.hash] : [];
    }
    case "intent_proposed":
      return [event.payload.content.payload.digest];
    case "event_recorded":
      return named(event.payload.artifact?.blob);
    default:
      return [];
  }
};

const ofVerdict = ({ log, tests }: Verdict): readonly string[] => [
  ...new Set(named(log, ...(tests?.runs.map((run) => run.log) ?? []), tests?.heldOut?.log)),
];

const named = (...hashes: readonly (string | null | undefined)[]): readonly string[] =>
  hashes.filter((hash) => typeof hash === "string");
