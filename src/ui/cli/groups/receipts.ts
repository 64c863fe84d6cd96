import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";

const commands = () => import("../commands/receipts.js");

export const addReceiptCommands = (cli: Cli, { bench, withLedger, end }: Register): void => {
  const receipt = cli.command("receipt").description("the signed end of a run, which anybody can check");
  receipt
    .command("show")
    .description("print the receipt of a finished run: a DSSE envelope, on one line")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--statement <which>", "what a validator found instead: a number from 1, or `all`")
    .action((id: string, options: { statement?: string }) =>
      withLedger(async (app, b) => (await commands()).showReceipt(app, b.output, id, options)),
    );
  receipt
    .command("verify")
    .description("whether a receipt is as it was signed, by whom, and what it says; needs no ledger")
    .argument("<file>", "a receipt, or - for what is piped in")
    .option("--key <file>", "public keys to trust (PEM, or what `receipt keys --json` prints)")
    .option("--repo <folder>", "a repository that must have its commits and trees")
    .action(async (file: string, options: { key?: string; repo?: string }) =>
      end(await (await commands()).verifyFile(bench(), file, options)),
    );
  receipt
    .command("keys")
    .description("the public keys of this ledger's receipts, the oldest first")
    .argument("[public-key]", "only this one: the id of a key")
    .option("--pem", "only the keys, for openssl and others", false)
    .option("--of <run>", "of the ledger that signed for this run, as they came with it when it was imported")
    .action((keyId: string | undefined, options: { pem: boolean; of?: string }) =>
      withLedger(async (app, b) => (await commands()).listKeys(app, b.output, { keyId, ...options })),
    );
  receipt
    .command("rotate")
    .description("sign with a new key from now on; what was signed before stays good")
    .option("--lost", "the private half of the key is gone, so that it cannot vouch for the next one", false)
    .action((options: { lost: boolean }) =>
      withLedger(async (app, b) =>
        (await commands()).rotateSigningKey(app, b.output, personOf(app, b), options),
      ),
    );
};
