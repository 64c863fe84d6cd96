import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { buildPackage } from "./built.js";
import { makeSample } from "./project.js";

/** How one command line ended. */
export type Spoken = { readonly code: number | null; readonly out: string; readonly err: string };

/** For programs that are agents: the library, and how they call the world. */
const AGENT = `const { programEffect } = await import(process.env.LIBRARY);
const call = (name, key, how = {}) =>
  fetch(process.env.WORLD + "/" + name, { method: "POST", headers: { "idempotency-key": key }, ...how });
const step = process.env.RUNLEDGER_STEP_ID;
`;

/**
 * A project whose agent is this program, and the real command line in it, each command a process of its own. \`plan.json\` has
 * these steps, one after the other.
 */
export const openStage = async (
  built: ReturnType<typeof buildPackage>,
  world: string,
  { agent = "", steps = ["a"] }: { readonly agent?: string; readonly steps?: readonly string[] },
) => {
  const shop = await makeSample({
    // Only the watchdog may tell that a worker is dead: its lease would last for an hour.
    "runledger.yaml":
      "agents:\n  coder: { kind: command, run: [node, agent.mjs], env: [WORLD, LIBRARY] }\nleaseTtl: 1h\nisolation: { maximum: 1 }\n",
    "agent.mjs": AGENT + agent,
    "plan.json": JSON.stringify({ goal: "Sync the customers", steps: steps.map(stepAfter) }),
  });
  const env = { ...shop.env, WORLD: world, LIBRARY: built.library };
  const begun = new Set<ChildProcess>();
  const start = (argv: readonly string[], more: Readonly<Record<string, string>> = {}): ChildProcess => {
    const child = spawn(process.execPath, argv, {
      cwd: shop.repo,
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    begun.add(child);
    child.once("close", () => begun.delete(child));
    return child;
  };
  const typeWith = (more: Readonly<Record<string, string>>, ...argv: string[]): Promise<Spoken> =>
    spokenBy(start([built.bin, ...argv], more));
  return {
    /** A command line that goes on until it is killed. */
    begin: (...argv: string[]) => start([built.bin, ...argv]),
    typeWith,
    type: (...argv: string[]) => typeWith({}, ...argv),
    json: async (...argv: string[]) => {
      const { out } = await typeWith({}, ...argv, "--json");
      return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "");
    },
    /** A program of the tests that is a host of agents; it is given the library and the project. */
    host: (program: string, ...argv: string[]) =>
      start([fileURLToPath(new URL(program, import.meta.url)), built.library, shop.repo, ...argv]),
    close: async (): Promise<void> => {
      await Promise.all([...begun].map(killed));
      await shop.dispose();
    },
  };
};

const stepAfter = (id: string, index: number, all: readonly string[]) => ({
  id,
  goal: `Do ${id}`,
  owner_agent: "coder",
  max_retries: 0,
  validator: { type: "command_pass", target: "true" },
  ...(index === 0 ? {} : { depends_on: [all[index - 1]] }),
});

/** As the power button does. Resolves when nothing of it runs any more. */
export const killed = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "close");
  child.kill("SIGKILL");
  await ended;
};

export const spokenBy = async (child: ChildProcess): Promise<Spoken> => {
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  return { code, out, err };
};
