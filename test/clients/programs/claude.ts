import { installed, type Program } from "./program.js";

const file = installed("@anthropic-ai/claude-code-linux-x64/claude");
const OFF = [
  "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
  "DISABLE_AUTOUPDATER",
  "DISABLE_TELEMETRY",
  "DISABLE_ERROR_REPORTING",
];

export const claude: Program = {
  file,
  start: () => [file],
  env: (modelUrl) => ({
    ANTHROPIC_BASE_URL: new URL(modelUrl).origin,
    ANTHROPIC_API_KEY: "dummy",
    ...Object.fromEntries(OFF.map((what) => [what, "1"])),
  }),
  files: () => ({}),
  scope: "project",
  tool: (server, tool) => `mcp__${server}__${tool}`,
  shell: (command) => ["Bash", { command, description: "Work" }],
  talk: ({ server, others, prompt }) => ({
    argv: [
      ...[file, "-p", prompt, "--allowedTools", `mcp__${server},Bash`],
      // With `-p` it starts all servers of a project unasked.
      ...["--settings", JSON.stringify({ disabledMcpjsonServers: others })],
    ],
    env: {},
  }),
};
