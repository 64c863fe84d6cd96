import type { Finding } from "./engine/findings.js";
import type { Ledger } from "./ledger/ledger.js";
import { probeJournals } from "./ledger/quarantine.js";
import type { Pev } from "./pev/engine.js";
import type { Project } from "./pev/project.js";
import type { Settings } from "./settings/schema.js";
import { secretVariables } from "./settings/secrets.js";
import type { SigningKeys } from "./stores/store.js";

/** What `doctor` looks at, with what it takes to do so. */
export const examineAll = async (parts: {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  readonly ledger: Ledger;
  readonly pev: Pev;
  readonly project: Project;
  readonly signingKeys: SigningKeys;
  readonly findings: () => Promise<readonly Finding[]>;
  /** How long a call of a tool waits for a verdict. */
  readonly toolWaitMs: number;
}): Promise<readonly Finding[]> => {
  const { settings, env, dataDir, ledger, pev, project, findings, toolWaitMs, signingKeys } = parts;
  const [doctor, doubts, probe, leftovers, locks] = await Promise.all([
    import("./engine/doctor.js"),
    import("./engine/doubt-findings.js"),
    import("./pev/probe.js"),
    import("./pev/leftovers.js"),
    import("./pev/stale-lock.js"),
  ]);
  const { folder, store, workspaceRoot } = project;
  return doctor.examine({
    projectDir: folder,
    dataDir,
    workspaceRoot,
    isolated: store !== null,
    isolation: project.isolation,
    around: { walls: project.walls, levelMax: settings.isolation.maximum },
    agents: settings.agents,
    missing: calledFor(settings).filter((name) => ledger.rules.agents?.includes(name) !== true),
    workspace: settings.workspace,
    waits: { validatorTimeoutMs: settings.runLedger.validatorTimeoutMs, toolWaitMs },
    stages: settings.runLedger,
    environment: env,
    shortSecrets: secretVariables(settings, env).tooShort,
    probes: { repository: () => probe.probeRepository(project), journals: () => probeJournals(ledger) },
    anchored: () => ledger.store.anchored(),
    signingKeys,
    named: async () => [...(await findings()), ...(await doubts.doubtFindings(ledger))],
    sparse: () => probe.probeSparse(project),
    uncached: () => probe.probeCache(project),
    included: () => probe.probeIncluded(project),
    uncommitted: () => probe.uncommittedPaths(project),
    leftovers: {
      count: () => leftovers.countLeftovers(ledger, project),
      remove: () => pev.reclaim(),
      locks: async () => (store === null ? [] : locks.staleLocksOf(store)),
      unlock: locks.removeStaleLocks,
    },
  });
};

const calledFor = ({ planner, orchestrator }: Settings): readonly string[] =>
  [...new Set([planner, orchestrator])].filter((name) => name !== null);
