import { LedgerError } from "../core/errors.js";
import { HostRun, HostRunStatus, HostStep, HostStepStatus } from "../core/reported.js";
import { newestFirst } from "./host-record.js";

/** What stands before the block, what is in it, and what stands behind it; a text without a block has it at its end. */
export type BoardText = {
  readonly before: string;
  readonly runs: readonly HostRun[];
  readonly after: string;
};

const BEGIN = "<!-- runledger:begin: written by RunLedger up to runledger:end; other text stays as it is -->";
const END = "<!-- runledger:end -->";
const NEW_BOARD = "# Runs\n\n";
/** Of a text as people see it on the board; the whole of it is in the line's comment. */
const TEXT_CHARS = 160;

/** Throws `store_unavailable` for a block that cannot be read, naming file and line: writing over it would lose a run. */
export const readBoard = (text: string, file: string): BoardText => {
  if (text === "") return { before: NEW_BOARD, runs: [], after: "" };
  const lines = text.split("\n");
  const begins = linesLike(lines, BEGIN);
  const ends = linesLike(lines, END);
  const [begin] = begins;
  const [end] = ends;
  if (begin === undefined && end === undefined)
    return { before: text.endsWith("\n") ? `${text}\n` : `${text}\n\n`, runs: [], after: "" };
  if (begin === undefined || end === undefined || begins.length > 1 || ends.length > 1 || end < begin)
    throw damaged(file, (ends[1] ?? begins[1] ?? end ?? begin ?? 0) + 1, "the marks of the block do not fit");
  return {
    before: lines
      .slice(0, begin)
      .map((line) => `${line}\n`)
      .join(""),
    runs: runsIn(lines.slice(begin + 1, end), file, begin + 2),
    after: lines.slice(end + 1).join("\n"),
  };
};

export const writeBoard = ({ before, runs, after }: BoardText): string =>
  `${before}${[BEGIN, ...[...runs].sort(newestFirst).map(sectionOf), END].join("\n\n")}\n${after}`;

const linesLike = (lines: readonly string[], mark: string): readonly number[] =>
  lines.flatMap((line, at) => (line.trimEnd() === mark ? [at] : []));

const sectionOf = (run: HostRun): string => {
  const { steps, ...facts } = run;
  const word = outcomeWords(run);
  const head = `**${run.status}** · ${run.kind} · ${shown(run.sessionKey)} · ${run.createdAt.slice(0, 16).replace("T", " ")} · ${shown(run.id)}${word} ${comment("run", facts)}`;
  const list = steps.map(stepLine);
  return [`## ${shown(run.name) || "(no name)"}`, head, ...(list.length === 0 ? [] : [list.join("\n")])].join(
    "\n\n",
  );
};

const stepLine = (step: HostStep): string => {
  const agent = step.agent === "" ? "" : ` · ${shown(step.agent)}`;
  const needs = step.dependsOn.length === 0 ? "" : ` · after ${shown(step.dependsOn.join(", "))}`;
  return `- [${isTicked(step.status) ? "x" : " "}] ${step.status} · **${shown(step.stepId)}** · ${shown(step.goal)}${agent}${needs}${outcomeWords(step)} ${comment("step", step)}`;
};

const outcomeWords = ({ result, error }: Pick<HostStep, "result" | "error">): string => {
  const text = shown(error === "" ? result : error);
  return text === "" ? "" : ` — ${text}`;
};

const isTicked = (status: HostStep["status"]): boolean => status === "completed" || status === "skipped";

/** One line of plain words, whatever is in it: no control or hidden character, nothing that Markdown or HTML obeys. */
const shown = (text: string): string => {
  const plain = [...text.replace(HIDDEN, " ").replace(/\s+/gu, " ").trim()];
  const cut = plain.length > TEXT_CHARS ? [...plain.slice(0, TEXT_CHARS - 1), "…"] : plain;
  return cut.join("").replace(OBEYED, (char) => `\\${char}`);
};

/** What Markdown obeys; an underscore within a word it does not. */
const OBEYED = /[\\`*[\]<>&|~#$@:]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** JSON in which nothing can end the comment or the line, or hide. */
const comment = (kind: "run" | "step", value: object): string =>
  `${OPEN}${kind} ${JSON.stringify(value)
    .replace(HIDDEN, escaped)
    .replace(/[<>]|-(?=-)/g, escaped)}${CLOSE}`;

const escaped = (chars: string): string =>
  chars
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

const OPEN = "<!-- runledger:";
const CLOSE = " -->";

const runsIn = (lines: readonly string[], file: string, firstLine: number): readonly HostRun[] => {
  const runs: HostRun[] = [];
  for (const [at, line] of lines.entries()) {
    try {
      const found = dataIn(line.trimEnd());
      if (found === undefined) continue;
      if (found.kind === "run") runs.push(newOf(runs, runOf(found)));
      else runs.push(withStep(runs.pop(), stepOf(found)));
    } catch (error) {
      throw damaged(file, firstLine + at, error instanceof Error ? error.message : String(error));
    }
  }
  return runs;
};

const newOf = (runs: readonly HostRun[], run: HostRun): HostRun => {
  if (runs.some(({ id }) => id === run.id)) throw new Error("the same run stands above already");
  return run;
};

type Found = { readonly kind: string; readonly words: string; readonly json: unknown };

const dataIn = (line: string): Found | undefined => {
  const open = line.lastIndexOf(OPEN);
  if (open === -1 || !line.endsWith(CLOSE)) return undefined;
  const [, kind = "", json = ""] = /^(\w+) (.*)$/.exec(line.slice(open + OPEN.length, -CLOSE.length)) ?? [];
  if (kind !== "run" && kind !== "step") return undefined;
  return { kind, words: line.slice(0, open), json: parsed(json) };
};

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error("its comment is no JSON");
  }
};

/** What people see is what counts: a status that was edited by hand is one. */
const runOf = ({ words, json }: Found): HostRun => {
  const [, word] = /^\*\*([^*]*)\*\*/.exec(words) ?? [];
  const run = HostRun.safeParse({ ...Object(json), steps: [] });
  const status = HostRunStatus.safeParse(word);
  if (!run.success) throw new Error("its comment is not a run");
  if (!status.success) throw new Error(`it must begin with a status (${HostRunStatus.options.join(", ")})`);
  return { ...run.data, status: status.data };
};

const stepOf = ({ words, json }: Found): HostStep => {
  const [, box, word] = /^\s*[-*] \[([ xX])\] (\S*)/.exec(words) ?? [];
  const step = HostStep.safeParse(json);
  const status = HostStepStatus.safeParse(word);
  if (!step.success) throw new Error("its comment is not a step");
  if (box === undefined || !status.success)
    throw new Error(`it must begin with a box and a status (${HostStepStatus.options.join(", ")})`);
  const ticked = box !== " ";
  if (status.data !== step.data.status || ticked === isTicked(status.data))
    return { ...step.data, status: status.data };
  return { ...step.data, status: ticked ? "completed" : "pending" };
};

const withStep = (run: HostRun | undefined, step: HostStep): HostRun => {
  if (run === undefined) throw new Error("it belongs to no run");
  return { ...run, steps: [...run.steps, step] };
};

const damaged = (file: string, line: number, why: string): LedgerError =>
  new LedgerError("store_unavailable", `The board ${file} cannot be read at line ${line}: ${why}.`, {
    hint: "Take the edit back, or remove the lines of that run: replay writes what the ledger knows of it.",
    details: { file, line },
  });
