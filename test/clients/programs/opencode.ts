import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type EntryKeys, type Env, type Ground, installed, type Program } from "./program.js";

const file = installed("opencode-linux-x64/bin/opencode");
const OFF = ["MODELS_FETCH", "AUTOUPDATE", "DEFAULT_PLUGINS", "LSP_DOWNLOAD", "SHARE"];

const configFor = (baseURL: string) => ({
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

export const opencode: Program = {
  file,
  start: () => [file],
  env: (modelUrl, { at }) => ({
    XDG_DATA_HOME: at("home/data"),
    XDG_CACHE_HOME: at("home/cache"),
    XDG_CONFIG_HOME: at("home/config"),
    OPENCODE_CONFIG_CONTENT: JSON.stringify(configFor(modelUrl)),
    ...Object.fromEntries(OFF.map((what) => [`OPENCODE_DISABLE_${what}`, "1"])),
  }),
  files: () => ({}),
  scope: "project",
  tool: (server, tool) => `${server}_${tool}`,
  shell: (command) => ["bash", { command, description: "Work" }],
  talk: ({ server, others, prompt, keys }, env, ground) => ({
    argv: [file, "run", "--pure", "--auto", prompt],
    env: withEntries(ground, env, {
      [server]: keys,
      ...Object.fromEntries(others.map((other) => [other, { enabled: false }])),
    }),
  }),
};

/** Entries of the project's `opencode.json` with keys of theirs changed: opencode wants each whole wherever it is given. */
const withEntries = ({ repo }: Ground, env: Env, changes: Readonly<Record<string, EntryKeys>>): Env => {
  const { mcp } = JSON.parse(readFileSync(join(repo, "opencode.json"), "utf8"));
  const changed = Object.entries(changes).map(([name, keys]) => [name, { ...mcp[name], ...keys }]);
  const config = JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? "{}");
  return { OPENCODE_CONFIG_CONTENT: JSON.stringify({ ...config, mcp: Object.fromEntries(changed) }) };
};
