import { createHash } from "node:crypto";
import type { HomeSettings } from "./own-home.js";

/** How one agent CLI is told its prompt, its server and, where it has hooks, when it may stop. */
export type PresetStart = {
  readonly prompt: string;
  /** As the program calls it; its own choice where it is null. */
  readonly model: string | null;
  /** Path of the program that is its MCP server. */
  readonly server: string;
  /** In a shell: says whether it may stop. It may not where that ends with 2, and is told why. */
  readonly gate: string;
  /** Where its files will lie. */
  readonly folder: string;
  /** Whether it is held by a sandbox of ours. */
  readonly sandboxed: boolean;
  /** What it sees anyway. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Preset = {
  /** What follows the program on its command line. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Name below `folder` → text. */
  readonly files: Readonly<Record<string, string>>;
  /** For a program that takes settings neither by a word nor by a file that it is told of. */
  readonly home?: HomeSettings;
};

export type PresetName = "claude" | "codex" | "opencode" | "gemini";

/** The name that `mcp install` gives an orchestrator's entry: where a project has one, ours takes its place. */
const SERVER = "runledger";
/** A program of ours on a machine with much to do. */
const SERVER_START_MS = 60_000;
/** A claim is answered at once; nothing else that an executor asks takes long. */
const CALL_MS = 120_000;
/** The gate looks for one file. */
const GATE_SECONDS = 60;

const claude = ({ prompt, model, server, gate, folder }: PresetStart): Preset => ({
  words: [
    ...["-p", prompt, "--mcp-config", `${folder}/mcp.json`, "--strict-mcp-config"],
    ...["--settings", `${folder}/settings.json`, "--permission-mode", "acceptEdits"],
    ...["--allowedTools", `mcp__${SERVER},Bash,Edit,MultiEdit,Write,NotebookEdit`],
    // Text comes only when all is over; this comes as it works.
    ...["--output-format", "stream-json", "--verbose"],
    ...(model === null ? [] : ["--model", model]),
  ],
  env: { DISABLE_AUTOUPDATER: "1", MCP_TIMEOUT: String(SERVER_START_MS) },
  files: {
    // Else its tools are only names that the model has to look up, and the claim is one of them.
    "mcp.json": JSON.stringify({
      mcpServers: { [SERVER]: { command: server, args: [], alwaysLoad: true } },
    }),
    "settings.json": JSON.stringify({
      hooks: { Stop: [{ hooks: [{ type: "command", command: gate }] }] },
    }),
  },
});

const codex = ({ prompt, model, server, gate, sandboxed }: PresetStart): Preset => ({
  words: [
    ...["exec", "--skip-git-repo-check"],
    // One sandbox in the other cannot be made everywhere; without ours it keeps its own.
    ...(sandboxed
      ? ["--dangerously-bypass-approvals-and-sandbox"]
      : ["--sandbox", "workspace-write", "-c", 'approval_policy="never"']),
    ...["-c", `mcp_servers.${SERVER}={${codexServer(server)}}`],
    ...codexHook(gate).flatMap((set) => ["-c", set]),
    ...(model === null ? [] : ["--model", model]),
    prompt,
  ],
  env: {},
  files: {},
});

/** TOML; a path that JSON quotes is quoted for it too. */
const codexServer = (server: string): string =>
  [
    `command=${JSON.stringify(server)}`,
    "args=[]",
    `startup_timeout_sec=${SERVER_START_MS / 1_000}`,
    `tool_timeout_sec=${CALL_MS / 1_000}`,
    'default_tools_approval_mode="approve"',
    // Else its first turns may go without the tools.
    "required=true",
  ].join(",");

/**
 * It runs no hook that nobody has reviewed, and knows those that somebody has by a hash. This one is ours, so its hash is said
 * with it: no other hook is trusted by that. A version that hashes in another way goes without.
 */
const codexHook = (gate: string): readonly string[] => {
  const hook = { async: false, command: gate, timeout: GATE_SECONDS, type: "command" };
  const identity = JSON.stringify({ event_name: "stop", hooks: [hook] });
  const hash = createHash("sha256").update(identity).digest("hex");
  return [
    `hooks.Stop=[{hooks=[{type="command",command=${JSON.stringify(gate)},timeout=${GATE_SECONDS}}]}]`,
    `hooks.state={"/<session-flags>/config.toml:stop:0:0"={trusted_hash="sha256:${hash}"}}`,
  ];
};

const opencode = ({ prompt, model, server, environment }: PresetStart): Preset => {
  const given = configIn(environment.OPENCODE_CONFIG_CONTENT);
  const entry = { type: "local", command: [server], enabled: true, timeout: SERVER_START_MS };
  const config = { ...given, mcp: { ...recordOr(given.mcp), [SERVER]: entry } };
  return {
    words: ["run", "--auto", ...(model === null ? [] : ["--model", model]), prompt],
    env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(config), OPENCODE_DISABLE_AUTOUPDATE: "1" },
    files: {},
  };
};

// The settings that its variables name hold only where root alone may write, and that is nowhere of ours.
const gemini = ({ prompt, model, server, gate }: PresetStart): Preset => ({
  words: [
    ...["-p", prompt, "--approval-mode", "yolo", "--skip-trust", "--allowed-mcp-server-names", SERVER],
    ...(model === null ? [] : ["--model", model]),
  ],
  env: { GEMINI_CLI_NO_RELAUNCH: "true" },
  files: {},
  home: {
    file: ".gemini/settings.json",
    variable: "GEMINI_CLI_HOME",
    over: {
      mcpServers: { [SERVER]: { command: server, args: [], trust: true, timeout: CALL_MS } },
      hooks: { AfterAgent: [{ hooks: [{ type: "command", name: SERVER, command: gate }] }] },
    },
  },
});

const presets: { readonly [P in PresetName]: (start: PresetStart) => Preset } = {
  claude,
  codex,
  opencode,
  gemini,
};

export const presetOf = (name: PresetName, start: PresetStart): Preset => presets[name](start);

/** What a person passes on in that variable is kept; what is no object was of no use to the program either. */
const configIn = (text: string | undefined): Readonly<Record<string, unknown>> => {
  try {
    return recordOr(JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
};

const recordOr = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
