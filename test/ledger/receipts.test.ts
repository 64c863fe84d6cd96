import { describe, it } from "vitest";
import { tryReceipts } from "../helpers/receipt-trials.js";

describe("A receipt", () => {
  it("of any run verifies here, with openssl and with sigstore's library; altered anywhere, none of them takes it", async () => {
    await tryReceipts({ good: 12, altered: 60, everyOpenssl: 30, seed: 20_261_122 });
  });
});
