import type { Readable } from "node:stream";
import { LedgerError, PLAN_TEXT_CHARS, planInText, readPlanFile } from "../../index.js";

/** Stands for what is piped in where a file is named. */
export const PIPED = "-";

/** Throws where nothing is piped in: a person would wait for an end of file that never comes. */
export const pipedIn = (input: Readable | undefined): Readable => {
  if (input !== undefined) return input;
  throw new LedgerError("invalid_input", 'Nothing is piped in, and "-" stands for that.', {
    hint: "Name a file, or let another program write into this one: PROGRAM | runledger …",
  });
};

/** Read in parts, so that what never ends is not read whole. */
export const textFrom = async (input: Readable, what: string, bytesMax: number): Promise<string> => {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of input) {
    parts.push(Buffer.from(part));
    size += parts.at(-1)?.byteLength ?? 0;
    if (size > bytesMax)
      throw new LedgerError(
        "parse_failed",
        `It has ${size} bytes or more; a ${what} has at most ${bytesMax}.`,
      );
  }
  return Buffer.concat(parts).toString("utf8");
};

/** The plan in a file, or that is piped in. */
export const readGivenPlan = async (file: string, input: Readable | undefined): Promise<unknown> =>
  file === PIPED
    ? planInText(await textFrom(pipedIn(input), "plan", PLAN_TEXT_CHARS), nameOf(file))
    : readPlanFile(file);

/** What a file is called where something is wrong with it. */
export const nameOf = (file: string): string => (file === PIPED ? "stdin" : file);
