import {
  type Caller,
  LedgerError,
  type ListedMandate,
  parseDuration,
  type RunLedger,
} from "../../../index.js";
import { statusCell, timeOf } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { saysWords } from "../mandate-words.js";
import { type Output, printJson, printLine } from "../output.js";
import { printTable } from "../table.js";
import { timeCell } from "../time-cells.js";

type For = {
  readonly for: string;
  readonly destination?: readonly string[];
  readonly policy?: readonly string[];
};
type Limits = { readonly maxUsd?: number; readonly perDay?: number; readonly perDayUsd?: number };

export const delegate = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  to: string,
  options: For,
): Promise<number> => told(output, await app.delegate(caller, { to, ...forWhat(options) }));

export const approveStanding = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  agent: string,
  { maxUsd, perDay, perDayUsd, ...options }: For & Limits,
): Promise<number> => {
  const limits = { maxValueUsd: maxUsd, perDay, perDayUsd };
  return told(output, await app.approveStanding(caller, { agent, ...limits, ...forWhat(options) }));
};

export const revokeMandate = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  which: string,
): Promise<number> => told(output, await app.revokeMandate(caller, which));

const forWhat = ({ for: time, destination, policy }: For) => {
  const lifetimeMs = parseDuration(time);
  if (lifetimeMs !== undefined) return { lifetimeMs, destinations: destination, policies: policy };
  throw new LedgerError("invalid_input", `--for is no duration: "${time}".`, { hint: "Such as 12h or 7d." });
};

const told = (output: Output, mandate: ListedMandate): number => {
  if (output.json) printJson(output, { mandate });
  else
    printLine(
      output,
      mandate.state === "revoked"
        ? `${mandate.id} of ${mandate.by} counts no more`
        : `${mandate.id}: ${saysWords(mandate)}, until ${timeOf(mandate.expiresAt)}. Take it back: runledger mandate revoke ${mandate.id}`,
    );
  return EXIT.done;
};

export const listMandates = async (app: RunLedger, output: Output): Promise<number> => {
  const mandates = await app.mandates();
  if (output.json) printJson(output, { mandates });
  else
    await printTable(output, {
      head: ["MANDATE", "STATE", "ENDS", "SAYS"],
      rows: mandates.map((one) => [
        { text: one.id },
        statusCell(one.state),
        timeCell(one.expiresAt),
        saysWords(one),
      ]),
      empty: "Nobody answers for anybody else here, and nothing is approved beforehand.",
      wrap: true,
    });
  return EXIT.done;
};
