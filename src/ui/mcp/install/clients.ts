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

/** What a client starts, or where it asks. */
export type Entry = { readonly argv: readonly string[] } | { readonly url: string };

type Client = {
  readonly file: (scope: Scope, places: Places) => string;
  /** The file's text with the entry, everything else as it was. */
  readonly withServer: (text: string, name: string, entry: Entry) => string;
};

/** An hour: longer than a judge's default limit, and shorter than for ever. */
const CALL_SECONDS = 3_600;

/** Where a client finds the credential that it sends; the file only names it, each program in its own way. */
const VARIABLE = "RUNLEDGER_CREDENTIAL";
const bearer = (named: string) => ({ headers: { Authorization: `Bearer ${named}` } });

const started = ([command = "", ...args]: readonly string[]) => ({ command, args });

/** Where each program keeps its entries, and how they look there; from their own documentation, November 2026. */
export const clients: { readonly [C in ClientName]: Client } = {
  claude: {
    file: (scope, { project, home, env }) =>
      scope === "project" ? join(project, ".mcp.json") : join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
    withServer: (text, name, entry) =>
      withEntry(
        text,
        "mcpServers",
        name,
        "argv" in entry
          ? started(entry.argv)
          : { type: "http", url: entry.url, ...bearer(`\${${VARIABLE}}`) },
      ),
  },
  codex: {
    file: (scope, { project, home, env }) =>
      scope === "project"
        ? join(project, ".codex", "config.toml")
        : join(env.CODEX_HOME || join(home, ".codex"), "config.toml"),
    // It gives a call up after a minute unless it is told otherwise.
    withServer: (text, name, entry) =>
      withTable(text, "mcp_servers", name, {
        ...("argv" in entry ? started(entry.argv) : { url: entry.url, bearer_token_env_var: VARIABLE }),
        tool_timeout_sec: CALL_SECONDS,
      }),
  },
  gemini: {
    file: (scope, { project, home }) =>
      join(scope === "project" ? project : home, ".gemini", "settings.json"),
    withServer: (text, name, entry) =>
      withEntry(
        text,
        "mcpServers",
        name,
        "argv" in entry ? started(entry.argv) : { httpUrl: entry.url, ...bearer(`$${VARIABLE}`) },
      ),
  },
  opencode: {
    file: (scope, { project, home, env }) =>
      scope === "project"
        ? join(project, "opencode.json")
        : join(env.XDG_CONFIG_HOME || join(home, ".config"), "opencode", "opencode.json"),
    withServer: (text, name, entry) =>
      withEntry(
        text,
        "mcp",
        name,
        "argv" in entry
          ? { type: "local", command: entry.argv, enabled: true }
          : { type: "remote", url: entry.url, enabled: true, oauth: false, ...bearer(`{env:${VARIABLE}}`) },
      ),
  },
  cursor: {
    file: (scope, { project, home }) => join(scope === "project" ? project : home, ".cursor", "mcp.json"),
    withServer: (text, name, entry) =>
      withEntry(
        text,
        "mcpServers",
        name,
        "argv" in entry ? started(entry.argv) : { url: entry.url, ...bearer(`\${env:${VARIABLE}}`) },
      ),
  },
};
