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

// A runner can be called directly only if its script needs no shell; undefined when it does.
export const readScript = (script: string): Call | undefined => {
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
