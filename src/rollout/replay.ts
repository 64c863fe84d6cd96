import type { Stage } from "./stage.js";

export type Replayed = {
  /** Which side was taken as the truth. */
  readonly truth: "projection" | "ledger";
  readonly stage: Stage;
  readonly checked: number;
  /** Host ids of the runs that were brought up to the truth. */
  readonly repaired: readonly string[];
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
};
