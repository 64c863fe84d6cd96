import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { buildPackage } from "../helpers/built.js";
import type { Asked, Scripted } from "../helpers/model-server.js";
import { makeSample } from "../helpers/project.js";
import { killed, type Spoken, spokenBy } from "../helpers/stage.js";

/** Agent programs of others, as their packages have them; installed without their scripts, so the native one is started. */
const installed = (path: string): string => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
export const PROGRAMS = {
  opencode: installed("opencode-linux-x64/bin/opencode"),
  codex: installed("@openai/codex/bin/codex.js"),
} as const;
export type ClientName = keyof typeof PROGRAMS;

/** What starts it as an agent. Below its temporary folder codex keeps no helper programs, and without them its sandbox cannot be made. */
export const startOf = (client: ClientName, { at }: Pick<Shop, "at">): readonly string[] =>
  client === "codex" ? ["env", `TMPDIR=${at("tmp")}`, PROGRAMS.codex] : [PROGRAMS.opencode];

/** Why they cannot be driven here; empty when they can. */
export const NO_CLIENTS = Object.values(PROGRAMS).every(existsSync)
  ? ""
  : "not installed: npm install --prefix test/clients --ignore-scripts";

/** A project, and a home for programs in it that has nothing of this machine's user. */
export const openShop = async (
  built: ReturnType<typeof buildPackage>,
  modelUrl: string,
  files: Readonly<Record<string, string>> = {},
) => {
  const shop = await makeSample({ ".gitignore": "node_modules/\n.codex/\nopencode.json\n", ...files });
  onTestFinished(() => shop.dispose());
  const at = (name: string): string => join(shop.place, name);
  for (const folder of ["home", "codex", "tmp"]) mkdirSync(at(folder));
  // As an installed package is found by `npx --no-install`.
  mkdirSync(join(shop.repo, "node_modules/.bin"), { recursive: true });
  symlinkSync(built.bin, join(shop.repo, "node_modules/.bin/runledger"));
  writeFileSync(join(at("codex"), "config.toml"), codexConfig(modelUrl));
  const env = {
    ...shop.env,
    // opencode believes this before where it is started.
    PWD: shop.repo,
    HOME: at("home"),
    XDG_DATA_HOME: at("home/data"),
    XDG_CACHE_HOME: at("home/cache"),
    XDG_CONFIG_HOME: at("home/config"),
    CODEX_HOME: at("codex"),
    MOCK_KEY: "dummy",
    OPENCODE_CONFIG_CONTENT: JSON.stringify(opencodeConfig(modelUrl)),
    ...Object.fromEntries(OPENCODE_OFF.map((what) => [`OPENCODE_DISABLE_${what}`, "1"])),
  };
  const begin = (argv: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const [program = "", ...words] = argv;
    const child = spawn(program, words, {
      ...{ cwd: shop.repo, env: { ...env, ...more } },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(async () => {
      if (child.exitCode === null && child.signalCode === null) await killed(child);
    });
    return child;
  };
  const run = (argv: readonly string[], more?: Readonly<Record<string, string>>): Promise<Spoken> =>
    spokenBy(begin(argv, more));
  const type = (...words: readonly string[]): Promise<Spoken> => run([process.execPath, built.bin, ...words]);
  return { shop, env, at, begin, run, type };
};
export type Shop = Awaited<ReturnType<typeof openShop>>;

const OPENCODE_OFF = ["MODELS_FETCH", "AUTOUPDATE", "DEFAULT_PLUGINS", "LSP_DOWNLOAD", "SHARE"];
/** What a program needs of its environment to ask this model, beside `HOME`. */
export const CLIENT_ENV: { readonly [C in ClientName]: readonly string[] } = {
  opencode: [
    ...["OPENCODE_CONFIG_CONTENT", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"],
    ...OPENCODE_OFF.map((what) => `OPENCODE_DISABLE_${what}`),
  ],
  codex: ["CODEX_HOME", "MOCK_KEY"],
};

const opencodeConfig = (baseURL: string) => ({
  provider: {
    mock: {
      npm: "@ai-sdk/openai-compatible",
      options: { baseURL, apiKey: "dummy" },
      models: { mock: { name: "mock", tool_call: true, limit: { context: 200_000, output: 8_000 } } },
    },
  },
  enabled_providers: ["mock"],
  model: "mock/mock",
  small_model: "mock/mock",
});

const codexConfig = (baseUrl: string): string => `model = "mock"
model_provider = "mock"
approval_policy = "never"
check_for_update_on_startup = false
[model_providers.mock]
name = "mock"
base_url = "${baseUrl}"
wire_api = "responses"
env_key = "MOCK_KEY"
supports_websockets = false
[analytics]
enabled = false
`;

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
        client === "codex" ? `mcp__${server.replaceAll("-", "_")}/${tool}` : `${server}_${tool}`,
        tool === "run_create" ? input : { run_id: runIn(asked), ...input },
      ],
    ],
  }),
});

/** The model has a command run. */
export const inShell = (client: ClientName, command: string): Scripted => ({
  calls: [
    client === "codex" ? ["exec_command", { cmd: command }] : ["bash", { command, description: "Work" }],
  ],
});

/** Entries of the project's own server in this program, one for each role, as `mcp install` writes them. */
export const installServers = async (client: ClientName, { type }: Pick<Shop, "type">): Promise<void> => {
  const to = ["mcp", "install", "--client", client, "--scope", client === "codex" ? "user" : "project"];
  for (const words of [to, [...to, "--role", "executor", "--agent", "coder"]]) {
    const { code, err } = await type(...words);
    if (code !== 0) throw new Error(err);
  }
};

export type Role = "orchestrator" | "executor";
const SERVER_OF: { readonly [R in Role]: string } = {
  orchestrator: "runledger",
  executor: "runledger-coder",
};

/** What it is told, and keys of its entry where the program is opencode. */
export type Topic = { readonly about: string; readonly opencode?: Entry };
type Entry = Readonly<Record<string, unknown>>;
type Env = Readonly<Record<string, string>>;

/** One conversation of the program in one role, from its prompt to its end. */
export const conversation = (
  client: ClientName,
  role: Role,
  { about, opencode = {} }: Topic,
): { readonly argv: readonly string[]; readonly server: string; readonly env: (shop: Shop) => Env } => {
  const server = SERVER_OF[role];
  const other = SERVER_OF[role === "executor" ? "orchestrator" : "executor"];
  const prompt = `You are the ${role}. ${about}`;
  const argv =
    client === "opencode"
      ? [PROGRAMS.opencode, "run", "--pure", "--auto", prompt]
      : [
          ...[PROGRAMS.codex, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"],
          ...['default_tools_approval_mode="approve"', "required=true", "startup_timeout_sec=120"].flatMap(
            (set) => ["-c", `mcp_servers.${server}.${set}`],
          ),
          ...["-c", `mcp_servers.${server}.env_vars=["RUNLEDGER_HOME","XDG_STATE_HOME"]`],
          ...["-c", `mcp_servers.${other}.enabled=false`, prompt],
        ];
  const env = (shop: Shop): Env =>
    client === "opencode" ? withEntries(shop, { [server]: opencode, [other]: { enabled: false } }) : {};
  return { argv, server, env };
};

/** Entries of the project's `opencode.json` with keys of theirs changed: opencode wants each whole wherever it is given. */
const withEntries = ({ shop, env }: Shop, changes: Readonly<Record<string, Entry>>): Env => {
  const { mcp } = JSON.parse(readFileSync(join(shop.repo, "opencode.json"), "utf8"));
  const changed = Object.entries(changes).map(([name, keys]) => [name, { ...mcp[name], ...keys }]);
  const config = JSON.parse(env.OPENCODE_CONFIG_CONTENT);
  return { OPENCODE_CONFIG_CONTENT: JSON.stringify({ ...config, mcp: Object.fromEntries(changed) }) };
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
