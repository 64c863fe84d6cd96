import type { Caller } from "./core/commands.js";
import type { Rules } from "./core/decide/guards.js";
import type { AgentVersions } from "./engine/agents/versions.js";
import { createGate, type GateFaces } from "./engine/gate/gate.js";
import { rulesOf } from "./engine/rules.js";
import type { Ledger } from "./ledger/ledger.js";
import { expiresIntents } from "./ledger/proposing.js";
import type { NoteRefusal } from "./ledger/refusals.js";
import { type SdkKeys, sdkKeys } from "./ledger/sdk-keys.js";
import { orderTokensOf } from "./ledger/tokens.js";
import { openGatePolicies } from "./settings/gate-policies.js";
import type { Settings } from "./settings/schema.js";

export type GatingFaces = GateFaces & SdkKeys;

type Parts = {
  readonly ledger: Ledger;
  readonly engine: Caller;
  readonly tokenKey: () => Uint8Array;
  readonly noteRefusal: NoteRefusal;
};

/** The rules of a project: its settings, and its policies as they lie in their folder at the moment they are asked. */
export const projectRules = (
  settings: Settings,
  projectDir: string,
  agents: readonly string[],
  versions: AgentVersions,
): Rules => ({
  ...rulesOf(settings, agents, versions),
  gate: openGatePolicies(projectDir, settings.gate),
});

/** What proposes effects and lets them through, and the keys by which programs elsewhere do. */
export const openGating = ({ ledger, engine, tokenKey, noteRefusal }: Parts): GatingFaces => ({
  ...createGate({
    ledger,
    expireIntents: expiresIntents(ledger, engine),
    orderTokenOf: orderTokensOf(tokenKey),
  }),
  ...sdkKeys(ledger, tokenKey, noteRefusal),
});
