import { installed, type Program } from "./program.js";

const file = installed("@openai/codex/bin/codex.js");

const configFor = (baseUrl: string): string => `model = "mock"
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

export const codex: Program = {
  file,
  // Below its temporary folder it keeps no helper programs, and without them its sandbox cannot be made.
  start: ({ at }) => ["env", `TMPDIR=${at("tmp")}`, file],
  env: (_modelUrl, { at }) => ({ CODEX_HOME: at("codex"), MOCK_KEY: "dummy" }),
  files: (modelUrl, { at }) => ({ [at("codex/config.toml")]: configFor(modelUrl) }),
  scope: "user",
  tool: (server, tool) => `mcp__${server.replaceAll("-", "_")}/${tool}`,
  shell: (command) => ["exec_command", { cmd: command }],
  talk: ({ server, others, prompt }) => ({
    argv: [
      ...[file, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"],
      ...['default_tools_approval_mode="approve"', "required=true", "startup_timeout_sec=120"].flatMap(
        (set) => ["-c", `mcp_servers.${server}.${set}`],
      ),
      // A server at an address is started by somebody else.
      ...(others.length === 0
        ? []
        : ["-c", `mcp_servers.${server}.env_vars=["RUNLEDGER_HOME","XDG_STATE_HOME"]`]),
      ...others.flatMap((other) => ["-c", `mcp_servers.${other}.enabled=false`]),
      prompt,
    ],
    env: {},
  }),
};
