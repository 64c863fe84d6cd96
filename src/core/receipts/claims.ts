import type { RunReceipt } from "./verify.js";

type Claim = RunReceipt["claims"]["notChecked"][number];
type Told = Omit<RunReceipt, "claims">;

/** What nobody here checked, said as plainly as what was: a reader who looks at nothing else is not misled. */
export const notChecked = (receipt: Told): readonly Claim[] => [
  ...ofRun(receipt),
  ...receipt.steps.flatMap(ofStep),
  ...receipt.criteria.flatMap(ofCriterion),
  ...ofIntents(receipt),
  ...receipt.effects.listed.flatMap(ofEffect),
  ...ofUsage(receipt),
];

const claim = (code: string, sentence: string, stepId: string | null = null): Claim => ({
  ...{ code, stepId, sentence },
});

/** A room of this level is a sandbox; below it, code under test could reach what its user can. */
const SANDBOXED = 3;

const ofRun = (told: Told): readonly Claim[] => {
  const { run, planDigest, head, criteria, steps } = told;
  const isDrivenHere = run.host === null && run.client === null;
  return [
    ...drivenElsewhere(told),
    ...(planDigest === null && isDrivenHere ? [claim("no_plan", "It ended without a plan.")] : []),
    ...(run.status === "completed"
      ? []
      : [claim("failed", "It did not complete: its goal was not reached.")]),
    ...(run.forkedFrom === null
      ? []
      : [
          claim(
            "forked",
            `Up to event ${run.forkedFrom.seq} it is the past of run ${run.forkedFrom.runId}, whose effects and costs are told there.`,
          ),
        ]),
    ...(head === null && isDrivenHere
      ? [claim("no_tree", "It worked in the project's own folder: no commit says what was judged.")]
      : []),
    ...(criteria.length === 0 && steps.length > 0 && isDrivenHere
      ? [claim("no_criteria", "The plan had no acceptance criteria: no judge looked at the whole.")]
      : []),
    ...unlisted(told),
  ];
};

const drivenElsewhere = ({ run, artifacts }: Told): readonly Claim[] => [
  ...(run.host === null
    ? []
    : [claim("host_driven", "A host drove this run and reported it; nothing of it was verified here.")]),
  ...(run.client === null
    ? []
    : [claim("client_recorded", "Its client recorded what it did; nothing of it was verified here.")]),
  ...(run.client === null || run.client.openHandoffs === 0
    ? []
    : [claim("handoffs_open", `${run.client.openHandoffs} handoffs were never completed.`)]),
  ...(artifacts.listed.every(({ kept }) => kept)
    ? []
    : [
        claim(
          "artifacts_not_read",
          "Digests of artifacts whose bytes were not handed in are its client's word.",
        ),
      ]),
];

const unlisted = ({ effects, artifacts, intents }: Told): readonly Claim[] =>
  (
    [
      ["effects", effects.more],
      ["artifacts", artifacts.more],
      ["intents", intents.more],
    ] as const
  ).flatMap(([what, more]) =>
    more === 0
      ? []
      : [claim(`${what}_not_listed`, `${more} more ${what} are in the journal and not listed here.`)],
  );

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
    ...(how === "verified" && verdict !== null ? ofCount(verdict, say) : []),
  ];
};

const ofCount = (
  { validator, tests }: NonNullable<Told["criteria"][number]["verdict"]>,
  say: (code: string, sentence: string) => Claim,
): readonly Claim[] =>
  validator.type === "test_pass" && tests === null
    ? [say("tests_not_counted", "Its tests passed, and no report says how many ran.")]
    : [];

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
  if (verdict === null) return [];
  const say = (code: string, sentence: string) => claim(code, `${about}: ${sentence}`);
  return [...ofRoom(verdict.isolationLevel, say), ...ofCount(verdict, say)];
};

const ofIntents = ({ intents: { listed } }: Told): readonly Claim[] => [
  ...(listed.some(({ status }) => status === "succeeded" || status === "failed")
    ? [claim("intents_reported", "What became of its intents is the word of whoever executed them.")]
    : []),
  ...listed
    .filter(({ status }) => status === "unknown" || status === "ordered")
    .map(({ id, destination }) =>
      claim("intent_unknown", `Nobody knows whether intent ${id} (${destination}) was executed.`),
    ),
];

const ofEffect = ({
  name,
  outcome,
  stepId,
  seq,
  saidBy,
}: Told["effects"]["listed"][number]): readonly Claim[] => {
  if (saidBy !== undefined) {
    const word = `What became of effect "${name}" (event ${seq}, ${outcome}) is the word of ${saidBy.name}.`;
    return [claim("effect_said", word, stepId)];
  }
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
