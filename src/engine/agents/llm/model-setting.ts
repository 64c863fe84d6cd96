import type { Price } from "../../../core/spent.js";

// Apart from model.ts: whoever imports the library reads this type, and need not have the AI SDK's.
export type ModelSetting = {
  readonly provider: "openai-compatible" | "anthropic" | "openai";
  readonly model: string;
  readonly baseUrl: string | null;
  readonly apiKeyEnv: string | null;
  readonly outputTokens: number | null;
  /** What it takes at once, its answer included; null: nobody says. */
  readonly contextTokens: number | null;
  readonly callTimeoutMs: number;
  /** Null: what its calls cost is not known. */
  readonly price: Price | null;
};
