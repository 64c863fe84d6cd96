import { type Caller, LedgerError, parseDuration, type RunLedger, type SdkKey } from "../../../index.js";
import { statusCell, timeOf } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { jsonLine, type Output, printJson, printLine, SCHEMA_VERSION, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";
import { agoCell, timeCell } from "../time-cells.js";

export type NewSdkKeyOptions = {
  readonly name: string;
  readonly kind: SdkKey["kind"];
  readonly session: string;
  readonly destination?: readonly string[];
  readonly policy?: readonly string[];
  readonly expires?: string;
};

export const createSdkKey = async (
  app: RunLedger,
  { output }: Bench,
  caller: Caller,
  { name, kind, session, destination, policy, expires }: NewSdkKeyOptions,
): Promise<number> => {
  const { text, key } = await app.createSdkKey(caller, {
    ...{ name, kind, sessionKey: session, destinations: destination, policies: policy },
    lifetimeMs: expires === undefined ? undefined : lifetimeOf(expires),
  });
  // Redaction would take it out: it is a secret, and here it is what was asked for.
  if (output.json) output.out.write(`${jsonLine({ schemaVersion: SCHEMA_VERSION, sdkKey: text, ...key })}\n`);
  else output.out.write(`${text}\n`);
  say(
    output,
    `For ${name} (${kind}), ${lastsWords(key)}. It is not shown again; whoever has it is ${name}. End it: runledger sdk-key revoke ${key.id}`,
  );
  return EXIT.done;
};

const lifetimeOf = (text: string): number => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new LedgerError("invalid_input", `--expires is no duration: "${text}".`, {
    hint: "Such as 12h or 90d.",
  });
};

const lastsWords = ({ expiresAt }: Pick<SdkKey, "expiresAt">): string =>
  expiresAt === null ? "until it is revoked" : `until ${timeOf(expiresAt)}`;

export const listSdkKeys = async (app: RunLedger, output: Output): Promise<number> => {
  const sdkKeys = await app.sdkKeys();
  if (output.json) printJson(output, { sdkKeys });
  else
    await printTable(output, {
      head: ["KEY", "NAME", "KIND", "STATE", "MADE", "ENDS", "OPENS"],
      rows: sdkKeys.map((key) => [
        { text: key.id },
        key.name,
        key.kind,
        statusCell(key.state),
        agoCell(key.createdAt),
        timeCell(key.expiresAt),
        opensWords(key),
      ]),
      empty: "Nobody has an SDK key here. Make one: runledger sdk-key create NAME",
      wrap: true,
    });
  return EXIT.done;
};

const opensWords = ({ destinations, policies }: SdkKey): string =>
  [
    destinations === null ? "every destination" : `destinations ${destinations.join(", ")}`,
    policies === null ? "every policy" : `policies ${policies.join(", ")}`,
  ].join("; ");

export const revokeSdkKey = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  which: string,
): Promise<number> => {
  const key = await app.revokeSdkKey(caller, which);
  if (output.json) printJson(output, key);
  else printLine(output, `${key.id} of ${key.name} opens nothing any more`);
  return EXIT.done;
};
