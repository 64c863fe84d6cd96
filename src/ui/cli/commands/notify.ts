import type { ListedTarget, RunLedger } from "../../../index.js";
import { timeOf } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson } from "../output.js";
import { printTable } from "../table.js";
import { agoOf } from "../time-cells.js";

const NOBODY = "Nobody is told here; notify in runledger.yaml would name them.";

export const listTargets = async (app: RunLedger, output: Output): Promise<number> => {
  const targets = await app.targets();
  if (output.json) printJson(output, { targets });
  else
    await printTable(output, {
      head: ["TARGET", "TO", "LAST TOLD", "STATE", "EVENTS"],
      rows: targets.map((one) => [
        one.name,
        one.to,
        one.toldAt === null ? "–" : agoOf(one.toldAt),
        stateWords(one),
        one.events.join(", "),
      ]),
      empty: NOBODY,
      wrap: true,
    });
  return EXIT.done;
};

const stateWords = ({ error, nextTryAt, givenUp }: ListedTarget): string => {
  const lost = givenUp === 0 ? [] : [`${givenUp} given up`];
  const failing =
    error === null ? [] : [nextTryAt === null ? error : `${error}; again at ${timeOf(nextTryAt)}`];
  return [...failing, ...lost].join("; ") || "well";
};

export const testTargets = async (
  app: RunLedger,
  output: Output,
  name: string | undefined,
): Promise<number> => {
  const tried = await app.testTargets(name);
  if (output.json) printJson(output, { targets: tried });
  else
    await printTable(output, {
      head: ["TARGET", "STATE"],
      rows: tried.map((one) => [one.name, one.error ?? "told"]),
      empty: NOBODY,
      wrap: true,
    });
  return tried.every(({ told }) => told) ? EXIT.done : EXIT.failed;
};
