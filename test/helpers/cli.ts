import { join } from "node:path";
import { type Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { runCli, type Tty } from "../../src/ui/cli/program.js";
import { makeSample, type Sample } from "./project.js";

/** What one typed command answered. */
export type Typed = { readonly code: number; readonly out: string; readonly err: string };
export type TypeOptions = {
  /** Default: the repository. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A person watches, at a terminal that knows colours. */
  readonly live?: boolean;
  readonly interrupted?: AbortSignal;
  /** Of a person who can be shown an editor. */
  readonly tty?: () => Tty;
  /** What is piped in. */
  readonly input?: Readable;
};

/** A sample repository at whose terminal commands are typed. */
export type Desk = Sample & {
  type(...argv: string[]): Promise<Typed>;
  typeWith(options: TypeOptions, ...argv: string[]): Promise<Typed>;
  /** Parsed stdout of a command with --json; the last line of a stream. */
  json(...argv: string[]): Promise<Record<string, unknown>>;
  /** Text with everything that differs from run to run replaced by its name. */
  masked(text: string): string;
};

export const openDesk = async (
  files: Readonly<Record<string, string>>,
  /** Variables beside those of this process. */
  more: Readonly<Record<string, string>> = {},
): Promise<Desk> => {
  const sample = await makeSample(files, more);
  const typeWith = typingIn(sample);
  const type: Desk["type"] = (...argv) => typeWith({}, ...argv);
  return {
    ...sample,
    type,
    typeWith,
    json: async (...argv) => {
      const { out } = await type(...argv, "--json");
      return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
    },
    masked: (text) => mask(text.replaceAll(sample.place, "PLACE")),
  };
};

/** This program from its sources, for commands that start it again. */
const PROGRAM = [
  process.execPath,
  "--import",
  import.meta.resolve("tsx"),
  fileURLToPath(new URL("../../src/ui/cli/main.ts", import.meta.url)),
];

/** The terminal of a sample. */
export const typingIn =
  (sample: Pick<Sample, "repo" | "env">): Desk["typeWith"] =>
  async (options, ...argv) => {
    const out = listener();
    const err = listener();
    const code = await runCli(argv, {
      out,
      err,
      env: { ...sample.env, NO_COLOR: undefined, ...options.env },
      cwd: options.cwd ?? sample.repo,
      live: options.live ?? false,
      colours: options.live ?? false,
      program: PROGRAM,
      ...(options.tty === undefined ? {} : { tty: options.tty }),
      ...(options.input === undefined ? {} : { input: options.input }),
      interrupted: options.interrupted ?? new AbortController().signal,
    });
    return { code, out: out.heard(), err: err.heard() };
  };

const listener = (): Writable & { heard(): string } => {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { heard: () => Buffer.concat(chunks).toString("utf8") });
};

const MASKS: readonly (readonly [RegExp, string])[] = [
  // What the machine reaches.
  [/level \d, (no isolation|clean room|walls of the kernel|sandbox)/g, "level N"],
  [/\brun_[0-9a-f]{32}\b/g, "RUN"],
  [/\b[0-9a-f]{64}\b/g, "DIGEST"],
  [/\bckpt_[0-9a-f]{16}\b/g, "CHECKPOINT"],
  // Events, handoffs and artifacts of runs that a client records.
  [/\b(evt|ho|art)_[0-9a-f]{16}\b/g, "$1_ID"],
  [/\b[0-9a-f]{40}\b/g, "COMMIT"],
  [/\b[0-9a-f]{16}…/g, "KEY…"],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}Z?/g, "TIME"],
  [/\b[\w.]+@terminal/g, "PERSON@terminal"],
  [/\b\d+(\.\d+)?(ms|s|m)(\d+s)? ago */g, "AGO "],
  [/\(\d+(\.\d+)?(ms|s)(?=[),])/g, "(DURATION"],
];

const mask = (text: string): string =>
  MASKS.reduce((masked, [what, name]) => masked.replace(what, name), text);

/** Names and kinds of every field, however deep: what a program that reads the output may rely on. */
export const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
};

/** Programs as agents: quick, and each true to its name. */
export const CAST = `agents:
  maker: { kind: command, run: [sh, -c, 'mkdir -p out; echo made > out/$RUNLEDGER_STEP_ID.txt; echo "made it"'] }
  liar: { kind: command, run: [sh, -c, 'echo "All done, tests pass!"'] }
  breaker: { kind: command, run: [sh, -c, 'echo "no disk" >&2; exit 7'] }
`;

export const shop: Readonly<Record<string, string>> = {
  "README.md": "# A shop\n",
  "runledger.yaml": CAST,
};

export const step = (id: string, agent: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id,
  goal: `Make ${id}`,
  owner_agent: agent,
  max_retries: 0,
  validator: { type: "artifact_exists", target: `out/${id}.txt` },
  ...more,
});

/** Writes a plan beside the repository, where it makes no checkout dirty, and answers its path. */
export const planOf = async (
  desk: Desk,
  name: string,
  steps: readonly object[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> => {
  await desk.write({ [`../${name}`]: JSON.stringify({ goal: `The plan ${name}`, steps, ...more }) });
  return join(desk.place, name);
};
