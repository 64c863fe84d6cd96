import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
  findProject,
  type GatePolicies,
  LedgerError,
  loadSettings,
  openGatePolicies,
  type PolicyFile,
  policyJsonSchema,
  policyKeys,
  policyRemarks,
  readPolicyFile,
  rulesIn,
  type Settings,
  type TriedCase,
  type TriedPolicy,
  tryPolicyCases,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, paint, printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

type Here = {
  readonly gate: Settings["gate"];
  readonly policies: GatePolicies;
};

const openHere = async ({ directory, terminal }: Bench): Promise<Here> => {
  const project = await findProject(directory);
  const { gate } = (await loadSettings(project, terminal.env)).settings;
  return { gate, policies: openGatePolicies(project, gate) };
};

export const listPolicies = async (bench: Bench): Promise<number> => {
  const { folder, environment, policies } = (await openHere(bench)).policies.listed();
  if (bench.output.json) {
    printJson(bench.output, { folder, environment, policies });
    return EXIT.done;
  }
  await printTable(bench.output, {
    head: ["POLICY", "DIGEST", "WHAT IT IS FOR"],
    rows: policies.map(({ name, digest, description, problem }) =>
      problem === null
        ? [name, digest?.slice(0, DIGEST_SHOWN) ?? "", description ?? ""]
        : [name, "–", { text: problem, style: "red" }],
    ),
    empty: `There is no policy in ${folder}, so every intent is blocked. docs/policies.md shows how to write one.`,
  });
  return EXIT.done;
};

/** As many as tell two of them apart. */
const DIGEST_SHOWN = 12;

const about = ({ name, file, ...found }: PolicyFile) => ({
  ...{ name, file, readable: found.policy !== null },
  digest: found.policy === null ? null : found.digest,
});

export const showPolicy = async (bench: Bench, given: string): Promise<number> => {
  const here = await openHere(bench);
  const found = await policyOf(bench, here, given);
  if (found.policy === null) throw new LedgerError("policy_invalid", found.problem);
  const { environment } = here.policies;
  const rules = rulesIn(found.policy, environment);
  if (bench.output.json) {
    const { name, file, digest, policy } = found;
    printJson(bench.output, { name, file, digest, environment, policy, rules });
    return EXIT.done;
  }
  printLine(bench.output, `${found.name}  ${found.file}  ${found.digest}`);
  if (found.policy.description !== undefined) printLine(bench.output, found.policy.description);
  const rows = policyKeys.flatMap((key) => (rules[key] === undefined ? [] : [[key, worded(rules[key])]]));
  await printTable(bench.output, { rows, empty: "" });
  for (const remark of policyRemarks(found.policy, environment)) say(bench.output, remark);
  return EXIT.done;
};

const worded = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** All in the folder, or those that are named. */
const policiesOf = async (
  bench: Bench,
  here: Here,
  given: readonly string[],
): Promise<readonly PolicyFile[]> =>
  given.length === 0 ? here.policies.list() : Promise.all(given.map((one) => policyOf(bench, here, one)));

const policyOf = async (
  { directory }: Bench,
  { policies, gate }: Here,
  given: string,
): Promise<PolicyFile> => {
  const found = policies.find(given);
  if (found !== undefined) return found;
  const file = resolve(directory, given);
  if ((await stat(file).catch(() => undefined))?.isFile() === true) return readPolicyFile(file, given);
  throw new LedgerError(
    "policy_not_found",
    `There is no policy "${given}" in ${gate.policies}, and no such file.`,
    {
      hint: "`runledger policy list` shows all policies of this project.",
    },
  );
};

export const checkPolicies = async (bench: Bench, given: readonly string[]): Promise<number> => {
  const here = await openHere(bench);
  const { environment } = here.policies;
  const files = await policiesOf(bench, here, given);
  const ok = files.every(({ policy }) => policy !== null);
  const checked = files.map((found) =>
    found.policy === null
      ? { ...about(found), problem: found.problem, defects: found.defects, remarks: [] }
      : { ...about(found), problem: null, defects: [], remarks: policyRemarks(found.policy, environment) },
  );
  if (bench.output.json)
    printJson(bench.output, { ok, folder: here.gate.policies, environment, policies: checked });
  else {
    if (files.length === 0) say(bench.output, `There is no policy in ${here.gate.policies}.`);
    for (const { name, problem, remarks } of checked) {
      printLine(
        bench.output,
        problem === null
          ? `${paint(bench.output, "green", "ok")} ${name}`
          : problemLine(bench.output, name, problem),
      );
      for (const remark of remarks) say(bench.output, `  ${name}: ${remark}`);
    }
  }
  return ok ? EXIT.done : EXIT.failed;
};

const problemLine = (output: Output, name: string, problem: string): string =>
  `${paint(output, "red", "bad")} ${name}: ${problem}`;

export const testPolicies = async (bench: Bench, given: readonly string[]): Promise<number> => {
  const here = await openHere(bench);
  const files = await policiesOf(bench, here, given);
  const tried = files.map((found) => tryPolicyCases(found, here.policies.environment));
  const cases = tried.flatMap((one) => one.cases);
  const failed = cases.filter(({ passed }) => !passed).length;
  if (bench.output.json) printJson(bench.output, { passed: cases.length - failed, failed, policies: tried });
  else printTried(bench, tried);
  return failed === 0 && tried.every(({ problem }) => problem === null) ? EXIT.done : EXIT.failed;
};

const printTried = ({ output }: Bench, tried: readonly TriedPolicy[]): void => {
  for (const { name, file, problem, cases } of tried) {
    if (problem !== null) printLine(output, problemLine(output, name, problem));
    else if (cases.length === 0) say(output, `${name}: there are no cases in ${file}.`);
    for (const one of cases)
      printLine(
        output,
        one.passed
          ? `${paint(output, "green", "ok")} ${name}: ${one.name}`
          : `${paint(output, "red", "no")} ${name}: ${one.name}: ${difference(one)}`,
      );
  }
};

const difference = ({ expected, decision }: TriedCase): string => {
  const { outcome, reason, detail, approvalsNeeded: approvals, risk } = decision;
  const got = Object.entries({ outcome, reason, approvals, risk })
    .filter(([key]) => Object.hasOwn(expected, key))
    .map(([key, value]) => `${key} ${value}`);
  const wanted = Object.entries(expected).map(([key, value]) => `${key} ${value}`);
  return `expected ${wanted.join(", ")}; got ${got.join(", ")}: ${detail}`;
};

/** Indented, because people read it too; it is one document for programs all the same. */
export const printPolicySchema = ({ output }: Bench): number => {
  printLine(output, JSON.stringify(policyJsonSchema(), null, output.json ? undefined : 2));
  return EXIT.done;
};
