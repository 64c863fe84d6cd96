import type { Caller } from "./core/commands.js";
import { createGate, type GateFaces } from "./engine/gate/gate.js";
import type { Ledger } from "./ledger/ledger.js";
import type { NoteRefusal } from "./ledger/refusals.js";
import { type SdkKeys, sdkKeys } from "./ledger/sdk-keys.js";
import { orderTokensOf } from "./ledger/tokens.js";

export type GatingFaces = GateFaces & SdkKeys;

type Parts = {
  readonly ledger: Ledger;
  readonly engine: Caller;
  readonly tokenKey: () => Uint8Array;
  readonly noteRefusal: NoteRefusal;
};

/** What proposes effects and lets them through, and the keys by which programs elsewhere do. */
export const openGating = ({ ledger, engine, tokenKey, noteRefusal }: Parts): GatingFaces => ({
  ...createGate({ ledger, engine, orderTokenOf: orderTokensOf(tokenKey) }),
  ...sdkKeys(ledger, tokenKey, noteRefusal),
});
