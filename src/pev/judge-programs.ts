import { posix } from "node:path";
import type { ValidatorSpec } from "../core/spec.js";

/**
 * The files that judges start as programs. A plan that says `sh check.sh` has made check.sh a judge; one that says
 * `node src/main.mjs` asks for work on that very file, so what an interpreter runs counts only when its name or its
 * folder says that it judges (docs/adr/0004).
 */
export const judgePrograms = (
  validators: readonly ValidatorSpec[],
  packageJson: string | undefined,
): ReadonlySet<string> => {
  const scripts = scriptsOf(packageJson);
  const paths = new Set<string>();
  const called = new Set<string>();
  const follow = (command: string): void => {
    for (const call of callsIn(command)) {
      for (const path of startedFiles(call)) paths.add(path);
      if (SCRIPT_RUNNERS.test(call.program)) call.words.forEach(followScript);
    }
  };
  const followScript = (name: string): void => {
    const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
    if (typeof script !== "string" || called.has(name)) return;
    called.add(name);
    follow(script);
    for (const stage of ["pre", "post"]) followScript(`${stage}${name}`);
  };
  for (const { type, target } of validators) {
    if (type === "command_pass") follow(target);
    if (type === "build_pass") followScript("build");
    if (type === "test_pass") followScript("test");
    // Some name the file of their tests, alone or with a selector of pytest behind it.
    if (type === "test_pass") paths.add(posix.normalize(target.replace(/::.*$/s, "")));
  }
  return paths;
};

const scriptsOf = (packageJson: string | undefined): Readonly<Record<string, unknown>> => {
  try {
    const { scripts } = JSON.parse(packageJson ?? "{}");
    return typeof scripts === "object" && scripts !== null ? scripts : {};
  } catch {
    return {};
  }
};

type Call = { readonly program: string; readonly words: readonly string[]; readonly folder: string };

/** A shell command as far as it can be read without a shell: what variables and loops make of it stays unknown. */
const callsIn = (command: string, start = "."): readonly Call[] => {
  const calls: Call[] = [];
  let folder = start;
  for (const segment of segmentsOf(command)) {
    const [program, ...words] = segment.slice(segment.findIndex((word) => !STARTERS.test(word)));
    if (program === undefined) continue;
    const inner = SHELLS.test(program) ? words.findIndex((word) => /^-\w*c$/.test(word)) : -1;
    if (program === "cd") folder = posix.join(folder, words[0] ?? "");
    else if (inner >= 0) calls.push(...callsIn(words[inner + 1] ?? "", folder));
    else calls.push({ program, words, folder });
  }
  return calls;
};

/** Words between what separates commands, without their quotes. */
const segmentsOf = (command: string): readonly (readonly string[])[] => {
  const segments: string[][] = [[]];
  for (const token of command.match(
    /(?:[^\s;&|<>()`'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+|[;&|()`\n]/g,
  ) ?? []) {
    if (/^[;&|()`\n]$/.test(token)) segments.push([]);
    else segments.at(-1)?.push(unquoted(token));
  }
  return segments;
};

const unquoted = (token: string): string =>
  token.replace(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g, (_, ...parts: (string | undefined)[]) =>
    parts.slice(0, 3).join(""),
  );

/** What stands before a program without being it: words that start another, their options, and variables. */
const STARTERS =
  /^(env|exec|time|timeout|nice|nohup|command|sudo|xargs|npx|bunx|cross-env|if|then|elif|else|do|while|until|uv|poetry|pipenv|go|deno|run|!|\{|-.*|\d+[smhd]?|\w+=.*)$/s;
const SHELLS = /^((.*\/)?(ba|da|z|k)?sh|\.|source)$/;
const INTERPRETERS = /^(.*\/)?(node|bun|tsx|ts-node|python[\d.]*|ruby|perl|php|pwsh)$/;
const SCRIPT_RUNNERS = /^(npm|pnpm|yarn|bun|npm-run-all|run-[sp])$/;

const startedFiles = ({ program, words, folder }: Call): readonly string[] => {
  const isShell = SHELLS.test(program);
  // A shell with -n only reads the script: then the script is the work.
  if (isShell && words.includes("-n")) return [];
  if (isShell || INTERPRETERS.test(program)) {
    const paths = operandsUpToScript(words).map((word) => posix.join(folder, word));
    return isShell ? paths : paths.filter(saysItJudges);
  }
  const path = posix.join(folder, program);
  return program.includes("/") && (isShellScript(path) || saysItJudges(path)) ? [path] : [];
};

/** Which options take a value is not for us to know: a word behind an option is looked at, and so is the next. */
const operandsUpToScript = (words: readonly string[]): readonly string[] => {
  const isOption = (word = "") => word.startsWith("-");
  const script = words.findIndex(
    (word, at) => /[./]/.test(word) && !isOption(word) && !isOption(words[at - 1]),
  );
  const started = script < 0 ? words : words.slice(0, script + 1);
  return started.map((word) => word.replace(/^-[^=]*=/, "")).filter((word) => !isOption(word));
};

/** By its ending, or for want of one. */
const isShellScript = (path: string): boolean => /(^|\/)[^./]+$|\.(ba|z|k)?sh$/.test(path);

const saysItJudges = (path: string): boolean => {
  if (/(^|\/)(scripts?|tools?|ci|checks?|\.[^/.][^/]*)\//.test(path)) return true;
  if (/(^|\/)(src|lib|app)\//.test(path)) return false;
  const words = posix.parse(path).name.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/);
  return words.some((word) => JUDGE_WORDS.test(word));
};

const JUDGE_WORDS =
  /^(checks?|checker|verify|verifier|validate|validator|tests?|specs?|lint|build|ci|e2e|smoke)$/i;
