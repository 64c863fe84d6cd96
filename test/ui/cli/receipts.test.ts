import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAST, type Desk, openDesk, planOf, step } from "../../helpers/cli.js";

let desk: Desk;
let runId: string;
beforeAll(async () => {
  desk = await openDesk({ "README.md": "# A shop\n", "runledger.yaml": CAST });
  const plan = await planOf(desk, "good", [step("chair", "maker"), step("table", "maker")]);
  runId = (await desk.type("run", plan)).out.trim();
});
afterAll(() => desk.dispose());

const receiptsIn = (): readonly string[] => readdirSync(join(desk.place, "data", "receipts"));

/** A file beside the repository. */
const file = (name: string, text: string): string => {
  const path = join(desk.place, name);
  writeFileSync(path, text);
  return path;
};

describe("A finished run", () => {
  it("is signed for before the command that ended it ends", () => {
    expect(receiptsIn()).toContain(`${runId}.json`);
  });

  it("has a receipt that verifies against the ledger, and with the public key alone where no ledger is", async () => {
    const { out: envelope } = await desk.type("receipt", "show", "last");
    const receipt = file("receipt.json", envelope);
    expect(await desk.type("receipt", "verify", receipt)).toMatchObject({ code: 0 });
    const { out: pem } = await desk.type("receipt", "keys", "--pem");
    const key = file("ledger.pem", pem);
    const elsewhere = { cwd: desk.place, env: { RUNLEDGER_HOME: join(desk.place, "nowhere") } };
    expect(await desk.typeWith(elsewhere, "receipt", "verify", receipt, "--key", key)).toMatchObject({
      code: 0,
      out: expect.stringContaining("2 of 2 steps were verified"),
    });
    expect(await desk.typeWith(elsewhere, "receipt", "verify", receipt)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--key"),
    });
  });
});
