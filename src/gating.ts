import type { Caller } from "./core/commands.js";
import type { Rules } from "./core/decide/guards.js";
import type { AgentVersions } from "./engine/agents/versions.js";
import { type GateFaces, gateFaces } from "./engine/gate/faces.js";
import { createGate } from "./engine/gate/gate.js";
import { type MandateFaces, mandateFaces } from "./engine/gate/mandates.js";
import { rulesOf } from "./engine/rules.js";
import type { OpensKeys } from "./engine/tracked/recording.js";
import type { TrackedRuns } from "./engine/tracked/tracked.js";
import type { Ledger } from "./ledger/ledger.js";
import { gateDuties } from "./ledger/proposing.js";
import type { NoteRefusal } from "./ledger/refusals.js";
import { type SdkKeys, sdkKeys } from "./ledger/sdk-keys.js";
import { orderTokensOf } from "./ledger/tokens.js";
import { type GatePolicies, openGatePolicies } from "./settings/gate-policies.js";
import type { Settings } from "./settings/schema.js";

type ProjectRules = Rules & { readonly gate: GatePolicies };

/** The rules of a project: its settings, and its policies as they lie in their folder at the moment they are asked. */
export const projectRules = (
  settings: Settings,
  projectDir: string,
  agents: readonly string[],
  versions: AgentVersions,
): ProjectRules => ({
  ...rulesOf(settings, agents, versions),
  gate: openGatePolicies(projectDir, settings.gate),
});

export type GatingFaces = GateFaces & MandateFaces & SdkKeys;

type Parts = {
  readonly ledger: Ledger;
  readonly rules: Pick<ProjectRules, "gate">;
  readonly engine: Caller;
  readonly tokenKey: () => Uint8Array;
  readonly noteRefusal: NoteRefusal;
  readonly trackedRuns: (caller: Caller, opens: OpensKeys) => TrackedRuns;
  readonly signIfDue: (runId: string) => Promise<void>;
  /** Aborted, whoever waits for a decision is answered as it stands. */
  readonly interrupted: AbortSignal;
};

/** What proposes effects and lets them through, the runs that tell of it, and the keys by which programs elsewhere do. */
export const openGating = (parts: Parts): GatingFaces => {
  const { ledger, rules, engine, tokenKey, noteRefusal } = parts;
  const intents = createGate({
    ledger,
    duties: gateDuties(ledger, engine),
    orderTokenOf: orderTokensOf(tokenKey),
  });
  return {
    ...gateFaces({ ...parts, intents, policies: rules.gate.listed }),
    ...mandateFaces(ledger),
    ...sdkKeys(ledger, tokenKey, noteRefusal),
  };
};
