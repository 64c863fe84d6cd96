export type Word = {
  /** As the program receives it. */
  readonly text: string;
  /** As it stands in the script, quotes included. */
  readonly raw: string;
  /** The shell would replace it by the names of files. */
  readonly glob: boolean;
};

/** A script that is one plain call of one program. */
export type Call = {
  readonly env: Readonly<Record<string, string>>;
  readonly program: string;
  readonly words: readonly Word[];
};

/**
 * A runner can be called directly only if its script needs no shell. Many a test script just names another one, or a
 * program behind a package manager (`npm run unit`, `pnpm vitest run`): those are followed to what would start in the end.
 */
export const followScript = (
  name: string,
  scripts: Readonly<Record<string, unknown>>,
  called: readonly string[] = [],
): Call | undefined => {
  const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  if (typeof script !== "string" || called.includes(name)) return undefined;
  const call = readScript(script);
  if (call === undefined || !managers.has(call.program)) return call;
  const [verb, ...rest] = call.words.filter(({ text }) => !quiet.has(text));
  const inner = startedBy(call.program, verb, rest, scripts);
  if (typeof inner !== "string") return inner && { ...inner, env: call.env };
  const followed = followScript(inner, scripts, [...called, name]);
  return followed && { ...followed, env: { ...call.env, ...followed.env } };
};

/** The name of a script, or a program with its words. */
const startedBy = (
  manager: string,
  verb: Word | undefined,
  rest: readonly Word[],
  scripts: Readonly<Record<string, unknown>>,
): string | Omit<Call, "env"> | undefined => {
  if (verb === undefined) return undefined;
  const isScript = verb.text === "test" || (manager !== "npm" && Object.hasOwn(scripts, verb.text));
  // What a script is given beside its own words, each manager hands over in its own way.
  if (verb.text === "run" || verb.text === "run-script") return rest.length === 1 ? rest[0]?.text : undefined;
  if (isScript) return rest.length === 0 ? verb.text : undefined;
  if (verb.text !== "exec" && manager === "npm") return undefined;
  const [program, ...words] = (verb.text === "exec" ? rest : [verb, ...rest]).filter(
    ({ text }, at) => at > 0 || text !== "--",
  );
  return program && { program: program.text, words };
};

/** Undefined when it needs a shell. */
const readScript = (script: string): Call | undefined => {
  const words = wordsOf(script);
  if (words === undefined) return undefined;
  const env: Record<string, string> = {};
  let start = 0;
  for (const { text } of words) {
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    if (name !== undefined && value !== undefined) env[name] = value;
    else if (!wrappers.has(text)) break;
    start += 1;
  }
  const program = words[start]?.text;
  return program === undefined ? undefined : { env, program, words: words.slice(start + 1) };
};

const managers = new Set(["npm", "pnpm", "yarn"]);
const quiet = new Set(["-s", "--silent"]);

/** Leaves out options, each with its value where it takes one; `names` says which do. */
export const withoutOptions = (
  words: readonly Word[],
  names: Readonly<Record<string, "flag" | "value">>,
): readonly Word[] => {
  const kept: Word[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as Word;
    const [name = "", value] = word.text.split("=", 2);
    if (!Object.hasOwn(names, name)) kept.push(word);
    else if (names[name] === "value" && value === undefined) at += 1;
  }
  return kept;
};

/** Programs that only start the one that follows. */
const wrappers = new Set(["cross-env", "npx"]);

const wordsOf = (script: string): readonly Word[] | undefined => {
  const raws = script.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  const plain = script.replace(/'[^']*'/g, "").replace(/"[^"$`\\]*"/g, "");
  // What is left outside of quotes must not mean anything to a shell, except for globs.
  if (/["';&|<>$`()\\#~\n]/.test(plain)) return undefined;
  return raws.map((raw) => ({
    raw,
    text: raw.replace(/'([^']*)'|"([^"]*)"/g, (_, single = "", double = "") => single || double),
    glob: /[*?[]/.test(raw.replace(/'[^']*'|"[^"]*"/g, "")),
  }));
};
