/** A strict reader of the text format of Prometheus (0.0.4), as far as counters and gauges go. Throws at the first line that is not of it. */
export type Exposition = {
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  /** By the sample as it is written, labels in the order of their names. */
  readonly samples: ReadonlyMap<string, number>;
};

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/;
const VALUE = /^-?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)$|^NaN$/;

export const parsed = (text: string): Exposition => {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, { type: string; help: string }>();
  const samples = new Map<string, number>();
  const lines = text.slice(0, -1).split("\n");
  let [at, family] = [0, ""];
  const fail = (why: string): never => {
    throw new Error(`${why}, line ${at + 1}: ${lines[at]}`);
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (help !== null) {
      const [, name = "", words = ""] = help;
      const type = new RegExp(`^# TYPE ${name} (counter|gauge)$`).exec(lines[at + 1] ?? "")?.[1];
      if (type === undefined) fail("HELP is not followed by the TYPE of the same family");
      if (families.has(name)) fail("a family comes twice");
      if (/\\(?![\\n])/.test(words)) fail("HELP is not escaped");
      if ((type === "counter") !== name.endsWith("_total"))
        fail("a counter, and nothing else, ends in _total");
      families.set(name, { type: type ?? "", help: words });
      family = name;
      at += 2;
      continue;
    }
    const [, name, labels = "", value = ""] =
      new RegExp(`^(${NAME})(\\{.*\\})? (\\S+)$`).exec(line) ?? fail("no sample");
    if (name !== family) fail("a sample stands outside of its family");
    if (!VALUE.test(value)) fail("no number");
    const key = `${name}${labelsOf(labels, fail)}`;
    if (samples.has(key)) fail("a series comes twice");
    samples.set(key, Number(value));
    at += 1;
  }
  return { families, samples };
};

const labelsOf = (text: string, fail: (why: string) => never): string => {
  if (text === "") return "";
  let rest = text.slice(1, -1);
  const labels = new Map<string, string>();
  while (rest !== "") {
    const [whole = "", name = "", value = ""] = LABEL.exec(rest) ?? fail("no label");
    if (labels.has(name) || name.startsWith("__")) fail("a label that must not be");
    labels.set(name, value);
    rest = rest.slice(whole.length);
  }
  return `{${[...labels]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;
};
