import { installed, type Program } from "./program.js";

const file = installed("@google/gemini-cli/bundle/gemini.js");

export const gemini: Program = {
  file,
  // Its model is said, for else it asks one which model to ask.
  start: () => [process.execPath, file, "--model", "gemini-2.5-pro"],
  env: (modelUrl) => ({
    GOOGLE_GEMINI_BASE_URL: new URL(modelUrl).origin,
    GEMINI_API_KEY: "dummy",
  }),
  files: (_modelUrl, { at }) => ({
    [at("home/.gemini/settings.json")]: JSON.stringify({
      security: { auth: { selectedType: "gemini-api-key" } },
      general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
      privacy: { usageStatisticsEnabled: false },
    }),
  }),
  scope: "project",
  tool: (server, tool) => `mcp_${server}_${tool}`,
  shell: (command) => ["run_shell_command", { command, description: "Work" }],
  talk: ({ server, prompt }) => ({
    argv: [
      ...[process.execPath, file, "--model", "gemini-2.5-pro", "-p", prompt],
      ...["--approval-mode", "yolo", "--allowed-mcp-server-names", server],
    ],
    // What a person answers in a folder that is new to it; `--skip-trust` comes too late for servers of the project.
    env: { GEMINI_CLI_NO_RELAUNCH: "true", GEMINI_CLI_TRUST_WORKSPACE: "true" },
  }),
};
