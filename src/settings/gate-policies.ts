import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Defect, defectLine, defectsSentence, type Flaw, quoted, toDefects } from "../core/defects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import type { ListedPolicies, ListedPolicy } from "../core/gate-calls.js";
import { decideIntent, refusedPolicy } from "../core/gate-policy/decide.js";
import type { PolicyDecision } from "../core/gate-policy/decision.js";
import type { GateFacts, IntentFacts } from "../core/gate-policy/facts.js";
import { type GatePolicy, policyDigest, readGatePolicy } from "../core/gate-policy/schema.js";
import { isId } from "../core/wire.js";
import type { GateSettings } from "./gate-keys.js";
import { checkSize, isMissing, parseYaml, whereIn } from "./layers.js";

/** One thing wrong with a policy's file, with its place. */
export type PolicyDefect = Defect & { readonly where: string };

/** A policy's file as it is now: `file` is how people know it, `path` where it is. */
export type PolicyFile = { readonly name: string; readonly file: string; readonly path: string } & (
  | { readonly policy: GatePolicy; readonly digest: string }
  | { readonly policy: null; readonly problem: string; readonly defects: readonly PolicyDefect[] }
);

export type GatePolicies = {
  /** null where the settings name none. */
  readonly environment: string | null;
  /** Every file that is meant as a policy, by name. */
  readonly list: () => readonly PolicyFile[];
  /** The same, as whoever may ask for something is told of it. */
  readonly listed: () => ListedPolicies;
  /** undefined: there is none of that name. */
  readonly find: (name: string) => PolicyFile | undefined;
  /** What the policy of that name says now; one that is not there, or cannot be read, blocks. */
  readonly ask: (name: string, intent: IntentFacts, facts: GateFacts) => PolicyAnswer;
};

/** With the digest of what decided; null where nothing could be asked. */
export type PolicyAnswer = PolicyDecision & { readonly digest: string | null };

/**
 * The policies of a project. Files are read anew whenever they are asked for, so an edit counts from the next intent on, and none that
 * has become unreadable goes on deciding from memory.
 */
export const openGatePolicies = (
  projectDir: string,
  { policies: folder, environment }: GateSettings,
): GatePolicies => {
  const find = (name: string, files = filesIn(join(projectDir, folder))): PolicyFile | undefined => {
    const [file, another] = isId(name) ? files.filter((one) => nameOf(one) === name) : [];
    if (file === undefined) return undefined;
    const read = readPolicyFile(join(projectDir, folder, file), join(folder, file));
    if (another === undefined) return read;
    return unfit(read, `${join(folder, file)}: there is also ${another}, so nobody knows which one counts.`);
  };
  const here = environment === "" ? null : environment;
  const list = (): readonly PolicyFile[] => {
    const files = filesIn(join(projectDir, folder));
    return [...new Set(files.map(nameOf))].flatMap((name) => find(name, files) ?? []);
  };
  return {
    environment: here,
    list,
    listed: () => ({ folder, environment: here, policies: list().map(listed) }),
    find,
    ask: (name, intent, facts) => answerOf(name, find(name), intent, facts),
  };
};

const listed = ({ name, file, ...found }: PolicyFile): ListedPolicy => {
  if (found.policy === null)
    return { name, file, readable: false, digest: null, description: null, problem: found.problem };
  const { digest, policy } = found;
  return { name, file, readable: true, digest, description: policy.description ?? null, problem: null };
};

/** One policy, wherever it lies; `shown` is how people know the file. */
export const readPolicyFile = (file: string, shown: string): PolicyFile => {
  const about = { name: nameOf(file), file: shown, path: file };
  try {
    const { doc, value, lines } = parseYaml(policyText(file, shown), shown);
    const read = readGatePolicy(value);
    const flaws = "policy" in read ? idFlaws(read.policy, about.name) : read.flaws;
    if ("policy" in read && flaws.length === 0)
      return { ...about, policy: read.policy, digest: policyDigest(read.policy) };
    const where = whereIn(shown, doc, lines);
    const defects = toDefects(flaws, "policy").map((defect, at) => ({
      where: where(flaws[at]?.at ?? []),
      ...defect,
    }));
    const told = defects.map((defect) => `${defect.where}: ${defectLine(defect)}`);
    return { ...about, policy: null, problem: defectsSentence("the policy", told, flaws.length), defects };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return unfit(about, error.message);
  }
};

const unfit = (
  { name, file, path }: Pick<PolicyFile, "name" | "file" | "path">,
  problem: string,
): PolicyFile => ({ ...{ name, file, path, policy: null, problem, defects: [] } });

/** Whoever reads a policy must know which one it is. */
const idFlaws = ({ id }: GatePolicy, name: string): readonly Flaw[] =>
  id === undefined || id === name
    ? []
    : [{ at: ["id"], found: quoted(id), expected: `${quoted(name)}, as the file is named` }];

/** Names in the folder, not what a name leads to: on some file systems a name in other letters opens the same file. */
const filesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter((file) => POLICY_FILE.test(file) && isId(nameOf(file)))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw new LedgerError("settings_invalid", `The folder of policies ${folder} cannot be read.`, {
      cause: error,
    });
  }
};

/** The cases of a policy lie beside it, as NAME.cases.yaml, and have a dot in their name. */
const POLICY_FILE = /\.ya?ml$/;
const nameOf = (file: string): string => basename(file).replace(POLICY_FILE, "");

/** What a file of a person says, or why it says nothing. */
export const policyText = (file: string, shown: string): string => {
  try {
    const facts = statSync(file);
    if (!facts.isFile()) throw new LedgerError("settings_invalid", `${shown} is no regular file.`);
    checkSize(shown, facts.size);
    const bytes = readFileSync(file);
    checkSize(shown, bytes.length);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (isLedgerError(error)) throw error;
    throw new LedgerError("settings_invalid", `${shown}: it cannot be read.`, { cause: error });
  }
};

const answerOf = (
  name: string,
  found: PolicyFile | undefined,
  intent: IntentFacts,
  facts: GateFacts,
): PolicyAnswer => {
  if (found === undefined) {
    const detail = `There is no policy ${quoted(name)}.`;
    return { ...refusedPolicy("policy_not_found", detail), digest: null };
  }
  if (found.policy === null) return { ...refusedPolicy("policy_invalid", found.problem), digest: null };
  return { ...decideIntent(found.policy, intent, facts), digest: found.digest };
};
