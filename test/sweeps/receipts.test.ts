import { describe, it } from "vitest";
import { tryReceipts } from "../helpers/receipt-trials.js";
import { SWEEP_MS, sweepSeed } from "../helpers/sweep.js";

describe("Receipts", () => {
  it(
    "two hundred good ones are taken here, by openssl and by sigstore's library, and two hundred altered ones by none of them",
    () => tryReceipts({ good: 200, altered: 200, everyOpenssl: 1, seed: sweepSeed }),
    SWEEP_MS,
  );
});
