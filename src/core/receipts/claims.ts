import type { RunReceipt } from "./verify.js";

type Claim = RunReceipt["claims"]["notChecked"][number];
type Told = Omit<RunReceipt, "claims">;

/** What nobody here checked, said as plainly as what was: a reader who looks at nothing else is not misled. */
export const notChecked = (receipt: Told): readonly Claim[] => [
  ...ofRun(receipt),
  ...receipt.steps.flatMap(ofStep),
  ...receipt.criteria.flatMap(ofCriterion),
  ...receipt.effects.listed.flatMap(ofEffect),
  ...ofUsage(receipt),
];

const claim = (code: string, sentence: string, stepId: string | null = null): Claim => ({
  ...{ code, stepId, sentence },
});

/** A room of this level is a sandbox; below it, code under test could reach what its user can. */
const SANDBOXED = 3;

const ofRun = ({ run, planDigest, head, criteria, steps, effects }: Told): readonly Claim[] => [
  ...(run.host === null
    ? []
    : [claim("host_driven", "A host drove this run and reported it; nothing of it was verified here.")]),
  ...(planDigest === null && run.host === null ? [claim("no_plan", "It ended without a plan.")] : []),
  ...(run.status === "completed" ? [] : [claim("failed", "It did not complete: its goal was not reached.")]),
  ...(run.forkedFrom === null
    ? []
    : [
        claim(
          "forked",
          `Up to event ${run.forkedFrom.seq} it is the past of run ${run.forkedFrom.runId}, whose effects and costs are told there.`,
        ),
      ]),
  ...(head === null && run.host === null
    ? [claim("no_tree", "It worked in the project's own folder: no commit says what was judged.")]
    : []),
  ...(criteria.length === 0 && steps.length > 0 && run.host === null
    ? [claim("no_criteria", "The plan had no acceptance criteria: no judge looked at the whole.")]
    : []),
  ...(effects.more === 0
    ? []
    : [claim("effects_not_listed", `${effects.more} more effects are in the journal and not listed here.`)]),
];

const ofStep = (step: Told["steps"][number]): readonly Claim[] => {
  const say = (code: string, sentence: string) => claim(code, sentence, step.id);
  const { how, verdict, waivers } = step;
  if (how === "reported") return [say("reported", "Its host said that it is done; nobody judged it.")];
  if (how === "skipped") return [say("skipped", "It was skipped.")];
  if (how === "decomposed")
    return [say("decomposed", "It was replaced by other steps; its own validator never passed.")];
  if (how === null) return [say("not_done", `It was left ${step.status.replace("_", " ")}.`)];
  return [
    ...(how === "approved" ? [say("approved", "Its word is an approval; no program judged it.")] : []),
    ...(waivers.includes("validator_changed")
      ? [say("validator_changed", "Its validator is not the one that the plan began with.")]
      : []),
    ...(how === "verified" && verdict !== null ? ofRoom(verdict.isolationLevel, say) : []),
    ...(how === "verified" && verdict?.validator.type === "test_pass" && verdict.tests === null
      ? [say("tests_not_counted", "Its tests passed, and no report says how many ran.")]
      : []),
  ];
};

const ofRoom = (level: number, say: (code: string, sentence: string) => Claim): readonly Claim[] => {
  if (level === 0)
    return [say("not_isolated", "It was judged in the project's own folder, not in a clean room.")];
  if (level < SANDBOXED)
    return [
      say("no_sandbox", "Its judge ran without a sandbox: code under test could reach what its user can."),
    ];
  return [];
};

const ofCriterion = ({ index, status, verdict }: Told["criteria"][number]): readonly Claim[] => {
  const about = `Criterion ${index + 1}`;
  if (status === "unchecked") return [claim("criterion_unchecked", `${about} was not checked.`)];
  if (status === "unmet") return [claim("criterion_unmet", `${about} is not met.`)];
  return verdict === null
    ? []
    : ofRoom(verdict.isolationLevel, (code, sentence) => claim(code, `${about}: ${sentence}`));
};

const ofEffect = ({ name, outcome, stepId, seq }: Told["effects"]["listed"][number]): readonly Claim[] => {
  if (outcome !== "open" && outcome !== "skipped") return [];
  const said = outcome === "open" ? "was begun, and nobody knows whether it happened" : "was done without";
  return [claim(`effect_${outcome}`, `Effect "${name}" (event ${seq}) ${said}.`, stepId)];
};

const ofUsage = ({ usage }: Told): readonly Claim[] => [
  ...(usage.uncounted === 0
    ? []
    : [
        claim(
          "usage_uncounted",
          `Of ${usage.uncounted} calls of models nobody knows what they used; they are not in the sums.`,
        ),
      ]),
  ...(usage.unpriced === 0
    ? []
    : [
        claim("usage_unpriced", `${usage.unpriced} calls of models have no price; they are not in the cost.`),
      ]),
];
