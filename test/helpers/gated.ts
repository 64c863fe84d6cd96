import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Caller, type OpenOptions, openRunLedger, type RunLedger } from "../../src/index.js";
import { temporaryFolder } from "./ledgers.js";

/** A project without a repository, whose gate lets small things through and asks for large ones. */
const SETTINGS = "runLedger: { workspaceIsolation: false }\ngate: { environment: staging }\n";
const POLICIES: Readonly<Record<string, string>> = {
  "crm-low-risk": "destinations: [salesforce.import]\nauto_approve_under: 1000\n",
  "ask-first": "require_approval: always\n",
  "two-people": "require_approval: always\nrequire_approvals: 2\n",
  seldom: "auto_approve_under: 1000\nrate_limits: { per_agent_per_hour: 2 }\n",
};

export type Gated = {
  readonly folder: string;
  /** How far the ledger's clock is ahead of the real one. */
  readonly clock: { aheadMs: number };
  /** The same project in another process, as far as a ledger can tell. */
  open(): Promise<RunLedger>;
};

export const gatedProject = async (settings = SETTINGS, at?: string): Promise<Gated> => {
  const folder = at ?? (await temporaryFolder());
  const clock = { aheadMs: 0 };
  await mkdir(join(folder, "gate-policies"));
  await writeFile(join(folder, "runledger.yaml"), settings);
  for (const [name, text] of Object.entries(POLICIES))
    await writeFile(join(folder, "gate-policies", `${name}.yaml`), text);
  const env: OpenOptions["env"] = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
  const now = () => new Date(Date.now() + clock.aheadMs).toISOString();
  return {
    folder,
    clock,
    open: async () => {
      const app = await openRunLedger({ projectDir: folder, env, now });
      onTestFinished(() => app.close());
      return app;
    },
  };
};

export const SESSION = "gated";
export const agentOf = (app: RunLedger, name = "importer"): Caller =>
  app.issue({ name, role: "executor", sessionKey: SESSION });
export const personOf = (app: RunLedger, name = "ada"): Caller =>
  app.issue({ name, role: "human", sessionKey: "terminal" });

/** A run for intents alone: it waits for a plan, and nobody makes one. */
export const openRun = async (app: RunLedger, runId?: string): Promise<string> => {
  const lead = app.issue({ name: "lead", role: "orchestrator", sessionKey: SESSION });
  const command = {
    type: "create_run",
    goal: "Import what was approved",
    originalRequest: "please",
    workspaceIsolation: false,
    base: null,
  } as const;
  const { run } = await app.ledger.submit(
    runId ?? `run_${Math.random().toString(36).slice(2)}`,
    command,
    lead,
  );
  return run.runId;
};
