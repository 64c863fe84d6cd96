import { join } from "node:path";
import { withEntry } from "./json-text.js";
import { withTable } from "./toml-text.js";

export type ClientName = "claude" | "codex" | "gemini" | "opencode" | "cursor";
export type Scope = "project" | "user";

export type Places = {
  readonly project: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
};

type Client = {
  readonly file: (scope: Scope, places: Places) => string;
  /** The file's text with the entry, everything else as it was. */
  readonly withServer: (text: string, name: string, argv: readonly string[]) => string;
};

/** An hour: longer than a judge's default limit, and shorter than for ever. */
const CALL_SECONDS = 3_600;

const servers = (text: string, name: string, [command = "", ...args]: readonly string[]): string =>
  withEntry(text, "mcpServers", name, { command, args });

/** Where each program keeps its entries, and how they look there; from their own documentation, November 2026. */
export const clients: { readonly [C in ClientName]: Client } = {
  claude: {
    file: (scope, { project, home, env }) =>
      scope === "project" ? join(project, ".mcp.json") : join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
    withServer: servers,
  },
  codex: {
    file: (scope, { project, home, env }) =>
      scope === "project"
        ? join(project, ".codex", "config.toml")
        : join(env.CODEX_HOME || join(home, ".codex"), "config.toml"),
    // It gives a call up after a minute unless it is told otherwise.
    withServer: (text, name, [command = "", ...args]) =>
      withTable(text, "mcp_servers", name, { command, args, tool_timeout_sec: CALL_SECONDS }),
  },
  gemini: {
    file: (scope, { project, home }) =>
      join(scope === "project" ? project : home, ".gemini", "settings.json"),
    withServer: servers,
  },
  opencode: {
    file: (scope, { project, home, env }) =>
      scope === "project"
        ? join(project, "opencode.json")
        : join(env.XDG_CONFIG_HOME || join(home, ".config"), "opencode", "opencode.json"),
    withServer: (text, name, argv) =>
      withEntry(text, "mcp", name, { type: "local", command: argv, enabled: true }),
  },
  cursor: {
    file: (scope, { project, home }) => join(scope === "project" ? project : home, ".cursor", "mcp.json"),
    withServer: servers,
  },
};
