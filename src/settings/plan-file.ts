import { readFile, stat } from "node:fs/promises";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { PLAN_TEXT_CHARS } from "../core/limits.js";
import { parseYaml } from "./layers.js";

// A plan file is YAML when it says so, otherwise text in which a plan is looked for (JSON, or a model's whole answer).
export const readPlanFile = async (file: string): Promise<unknown> => {
  const text = await readTextFile(file, "plan");
  return /\.ya?ml$/i.test(file) ? yamlValue(text, file) : text;
};

/** A plan in text that has no name to tell its kind by: JSON where it begins so or stands in a fence, else YAML. */
export const planInText = (text: string, source: string): unknown => {
  if (text.trimStart().startsWith("{")) return text;
  try {
    const value = yamlValue(text, source);
    return typeof value === "string" ? text : value;
  } catch (error) {
    if (text.includes(FENCE)) return text;
    throw error;
  }
};

/** What models put around the JSON of their answers. */
const FENCE = "```";

/** A file that a command names, refused in words when it is not there or too large. */
export const readTextFile = async (file: string, what: string): Promise<string> => {
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined)
    throw new LedgerError("file_not_found", `There is no ${what} file "${file}".`, {
      hint: "Paths start in the folder you are in, or in that of -C.",
    });
  if (!facts.isFile())
    throw new LedgerError(
      "file_not_found",
      `"${file}" is ${facts.isDirectory() ? "a folder" : "no regular file"}.`,
      { hint: `Name the ${what} file itself.` },
    );
  if (facts.size > PLAN_TEXT_CHARS)
    throw new LedgerError(
      "parse_failed",
      `The ${what} file has ${facts.size} bytes; the limit is ${PLAN_TEXT_CHARS}.`,
    );
  return readFile(file, "utf8");
};

/** Text that holds no plan is refused in words meant for models; whoever named a file hears of the file. */
export const aboutFile = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (!isLedgerError(error, "parse_failed")) throw error;
    throw new LedgerError("parse_failed", `${file}: ${error.message}`, {
      hint: "Write it as JSON; a plan may be YAML too, in a file that ends in .yaml (docs/plans.md).",
      cause: error,
    });
  }
};

const yamlValue = (text: string, file: string): unknown => {
  try {
    return parseYaml(text, file).value;
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    throw new LedgerError("parse_failed", error.message, {
      hint: "The plan file must be plain YAML.",
      cause: error,
    });
  }
};
