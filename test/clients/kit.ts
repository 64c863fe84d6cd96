import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { buildPackage } from "../helpers/built.js";
import type { Asked, Scripted } from "../helpers/model-server.js";
import { makeSample } from "../helpers/project.js";
import { killed, type Spoken, spokenBy } from "../helpers/stage.js";
import { claude } from "./programs/claude.js";
import { codex } from "./programs/codex.js";
import { gemini } from "./programs/gemini.js";
import { opencode } from "./programs/opencode.js";
import { type EntryKeys, type Env, lackOf, type Program } from "./programs/program.js";

/** Agent programs of others, as their packages have them. */
export const PROGRAMS = { opencode, codex, claude, gemini } as const satisfies Record<string, Program>;
export type ClientName = keyof typeof PROGRAMS;

/** Why it cannot be driven here; empty when it can. */
export const lack = (client: ClientName): string => lackOf(PROGRAMS[client]);

/** A project, and a home for this program in it that has nothing of this machine's user. */
export const openShop = async (
  client: ClientName,
  built: ReturnType<typeof buildPackage>,
  modelUrl: string,
  files: Readonly<Record<string, string>> = {},
) => {
  const shop = await makeSample({ ".gitignore": IGNORED, ...files });
  onTestFinished(() => shop.dispose());
  const at = (name: string): string => join(shop.place, name);
  const ground = { repo: shop.repo, at };
  const program = PROGRAMS[client];
  for (const folder of ["home", "tmp"]) mkdirSync(at(folder));
  for (const [path, text] of Object.entries(program.files(modelUrl, ground))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  // As an installed package is found by `npx --no-install`.
  mkdirSync(join(shop.repo, "node_modules/.bin"), { recursive: true });
  symlinkSync(built.bin, join(shop.repo, "node_modules/.bin/runledger"));
  const own = program.env(modelUrl, ground);
  // opencode believes PWD before where it is started.
  const env = { ...shop.env, PWD: shop.repo, HOME: at("home"), ...own };
  const begin = (argv: readonly string[], more: Env = {}) => {
    const [command = "", ...words] = argv;
    const child = spawn(command, words, {
      ...{ cwd: shop.repo, env: { ...env, ...more } },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(async () => {
      if (child.exitCode === null && child.signalCode === null) await killed(child);
    });
    return child;
  };
  const run = (argv: readonly string[], more?: Env): Promise<Spoken> => spokenBy(begin(argv, more));
  const type = (...words: readonly string[]): Promise<Spoken> => run([process.execPath, built.bin, ...words]);
  return { shop, ground, own, at, begin, run, type };
};
export type Shop = Awaited<ReturnType<typeof openShop>>;

/** What `mcp install` writes into a project, and what makes `npx` find us. */
const IGNORED = "node_modules/\n.codex/\n.gemini/\n.mcp.json\nopencode.json\n";

/** The settings of an agent that is this program. */
export const agentOf = (client: ClientName, { ground, own }: Shop) => ({
  kind: "subprocess",
  preset: client,
  run: PROGRAMS[client].start(ground),
  env: Object.keys(own),
});

/** The id of the run that a conversation is about, as it was told there. */
const runIn = ({ text }: Asked): string => /run_[0-9a-z]{32}/.exec(text)?.[0] ?? "";

/** The model calls a tool of that server, by the name that this program gives it. */
export const using = (
  client: ClientName,
  server: string,
  tool: string,
  input: Readonly<Record<string, unknown>>,
): Scripted => ({
  by: (asked) => ({
    calls: [
      [
        PROGRAMS[client].tool(server, tool),
        tool === "run_create" ? input : { run_id: runIn(asked), ...input },
      ],
    ],
  }),
});

/** The model has a command run. */
export const inShell = (client: ClientName, command: string): Scripted => ({
  calls: [PROGRAMS[client].shell(command)],
});

/** Entries of the project's own server in this program, one for each role, as `mcp install` writes them. */
export const installServers = async (client: ClientName, { type }: Pick<Shop, "type">): Promise<void> => {
  const to = ["mcp", "install", "--client", client, "--scope", PROGRAMS[client].scope];
  for (const words of [to, [...to, "--role", "executor", "--agent", "coder"]]) {
    const { code, err } = await type(...words);
    if (code !== 0) throw new Error(err);
  }
};

export type Role = "orchestrator" | "executor";
/** By which entry each role reaches the ledger, and what its client sees of the environment for it. */
export type Way = {
  readonly server: { readonly [R in Role]: string };
  readonly env: { readonly [R in Role]: Env };
};
/** Each role has a server of its own. */
export const OVER_STDIO: Way = {
  server: { orchestrator: "runledger", executor: "runledger-coder" },
  env: { orchestrator: {}, executor: {} },
};

/** One server for all, at this address: who asks, its credential says. */
export const installHttp = async (
  client: ClientName,
  { type }: Pick<Shop, "type">,
  url: URL,
): Promise<Way> => {
  const to = ["mcp", "install", "--client", client, "--scope", PROGRAMS[client].scope];
  const { code, err } = await type(...to, "--url", url.href);
  if (code !== 0) throw new Error(err);
  const signed = async (...of: readonly string[]): Promise<Env> => {
    const { out } = await type("credential", ...of);
    return { RUNLEDGER_CREDENTIAL: out.trim() };
  };
  return {
    server: { orchestrator: "runledger-http", executor: "runledger-http" },
    env: {
      orchestrator: await signed("--role", "orchestrator"),
      executor: await signed("--agent", "coder"),
    },
  };
};

/** What it is told, and keys of its entry where the program has them. */
export type Topic = { readonly about: string; readonly keys?: EntryKeys; readonly way: Way };

/** One conversation of the program in one role, from its prompt to its end. */
export const converse = (
  client: ClientName,
  role: Role,
  { about, keys = {}, way }: Topic,
  { run, ground, own }: Shop,
): Promise<Spoken> => {
  const server = way.server[role];
  const others = Object.values(way.server).filter((name) => name !== server);
  const prompt = `You are the ${role}. ${about}`;
  const { argv, env } = PROGRAMS[client].talk({ server, others, prompt, keys }, own, ground);
  return run(argv, { ...env, ...way.env[role] });
};

/** Processes of our own command line that clients started in this project. */
export const serversIn = ({ shop }: Shop, word: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      const words = wordsOf(pid);
      return words[1]?.startsWith(`${shop.repo}/node_modules`) === true && words[2] === word;
    })
    .map(Number);

const wordsOf = (pid: string): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
};
