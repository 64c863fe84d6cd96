import {
  type RunReceipt,
  STATEMENT_TYPE,
  TEST_RESULT_TYPE,
  type TestResult,
  type TestResultStatement,
} from "./verify.js";

type Verdict = NonNullable<RunReceipt["criteria"][number]["verdict"]>;
type About = { readonly stepId: string | null; readonly criterion: number | null };

/**
 * The verdicts that decided, each as in-toto's predicate for tests, steps first. A judge that could not run has no result, and
 * what a person approved was no test: those are in the receipt of the run alone.
 */
export const testResultsOf = (receipt: RunReceipt): readonly TestResultStatement[] => [
  ...receipt.steps.flatMap(({ id, verdict }) => told(receipt, verdict, { stepId: id, criterion: null })),
  ...receipt.criteria.flatMap(({ index, verdict }) =>
    told(receipt, verdict, { stepId: null, criterion: index }),
  ),
];

const told = (receipt: RunReceipt, verdict: Verdict | null, about: About): readonly TestResultStatement[] => {
  if (verdict === null || verdict.outcome === "errored") return [];
  if (verdict.validator.type === "orchestrator_approval") return [];
  const { root } = receipt.journal;
  return [
    {
      _type: STATEMENT_TYPE,
      subject: [
        { name: `journal of ${receipt.run.id}`, digest: { sha256: root } },
        ...(verdict.commit === null ? [] : [{ name: "judged", digest: { gitCommit: verdict.commit } }]),
        ...(verdict.tree === null ? [] : [{ name: "judged tree", digest: { gitTree: verdict.tree } }]),
      ],
      predicateType: TEST_RESULT_TYPE,
      predicate: {
        result: verdict.outcome === "passed" ? "PASSED" : "FAILED",
        configuration: [configurationOf(receipt, verdict, about)],
      },
    },
  ];
};

const configurationOf = (
  { run, journal: { position } }: RunReceipt,
  verdict: Verdict,
  about: About,
): TestResult["configuration"][number] => {
  const { validator, seq, reason, isolationLevel, exit, tests, durationMs } = verdict;
  return {
    name: validator.type,
    digest: { sha256: validator.digest },
    annotations: {
      ...{ runId: run.id, runEndedAt: run.endedAt, ...about, verdictSeq: seq },
      ...{ reason, isolationLevel, exit, tests, durationMs },
      ...(position === undefined ? {} : { runEndPosition: position }),
    },
  };
};
