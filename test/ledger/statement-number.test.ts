import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/canonical.js";
import { STATEMENT_NUMBER, statementsOf } from "../../src/core/receipts/statement.js";
import { witnessIn } from "../../src/ledger/receipts.js";
import { openedIn, temporaryFolder } from "../helpers/ledgers.js";
import { VERSIONS } from "../helpers/receipt-trials.js";

const BY = { ledgerId: "0".repeat(32), versions: VERSIONS, position: 1 };

/** Of journals that former versions wrote, so that nothing but what is said of them can change. */
const saidOf = async (schema: number): Promise<readonly string[]> => {
  const folder = await temporaryFolder();
  await cp(join(import.meta.dirname, `../fixtures/ledgers/v${schema}.db`), join(folder, "ledger.db"));
  const { ledger } = await openedIn(folder);
  const said: string[] = [];
  for (const { runId } of await ledger.list({ limit: 100 })) {
    const witness = await witnessIn(ledger, runId);
    if (witness !== undefined) said.push(canonicalJson(statementsOf(witness, BY)));
  }
  return said.sort();
};

// Where this fails, a receipt signed by the version before would be told to be wrong: raise the number, then mend the digest.
it("what receipts say of a journal changes with its number alone", async () => {
  const said = (await Promise.all([1, 2, 3, 4, 5, 6].map(saidOf))).flat();
  expect(said.length).toBeGreaterThan(5);
  expect({ number: STATEMENT_NUMBER, digest: sha256(said.join("\n")) }).toMatchInlineSnapshot(`
    {
      "digest": "ab649ad9e253e36f1c02b7167476e8808dc26428017090aee05dd676da25e8ec",
      "number": 1,
    }
  `);
});
