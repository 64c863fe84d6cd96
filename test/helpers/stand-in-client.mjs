// Stands in for an agent CLI: starts the MCP server that it is told of, as `claude` is told, and does what SCRIPT says.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const words = process.argv.slice(2);
const after = (flag) => words[words.indexOf(flag) + 1];
export const prompt = after("-p");
export const settings = JSON.parse(readFileSync(after("--settings"), "utf8"));
const { command, args } = JSON.parse(readFileSync(after("--mcp-config"), "utf8")).mcpServers.runledger;

/** A server of its own for each call: nothing of the environment but what every client gives. */
export const connect = (more = {}) => {
  const child = spawn(command, args, {
    env: { PATH: "/usr/bin:/bin", ...more },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, result, error } = JSON.parse(line);
    waiting.get(id)?.(result ?? { error });
  });
  let last = 0;
  const ask = (method, params) =>
    new Promise((done) => {
      last += 1;
      waiting.set(last, done);
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`);
    });
  const ready = ask("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "stand-in", version: "0" },
  }).then(() => child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n'));
  return {
    child,
    tools: async () => {
      await ready;
      return (await ask("tools/list", {})).tools.map(({ name }) => name);
    },
    call: async (name, input = {}) => {
      await ready;
      const ids = { run_id: process.env.RUNLEDGER_RUN_ID, step_id: process.env.RUNLEDGER_STEP_ID };
      const { content } = await ask("tools/call", { name, arguments: { ...ids, ...input } });
      return content[0].text;
    },
    close: () => child.stdin.end(),
  };
};

/** What its hook says when it wants to stop. */
export const mayStop = (active) => {
  const [{ hooks }] = settings.hooks.Stop;
  const { status, stderr } = spawnSync("sh", ["-c", hooks[0].command], {
    input: JSON.stringify({ hook_event_name: "Stop", stop_hook_active: active }),
    encoding: "utf8",
  });
  return { status, stderr };
};
