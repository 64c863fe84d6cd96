import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** Where programs are looked for when nobody says where; what the C library does. */
const SYSTEM_PATH = "/bin:/usr/bin";
/** Longer first lines than this are cut off by Linux itself. */
const FIRST_LINE_BYTES = 256;

/**
 * The file that the system would start, or undefined when there is none. Behind the shell that puts a program into its
 * group, a missing program and one that says 127 could not be told apart.
 */
export const programPath = (program: string, cwd: string, path = SYSTEM_PATH): string | undefined =>
  program.includes("/")
    ? [resolve(cwd, program)].find(canStart)
    : path
        .split(delimiter)
        .map((folder) => join(resolve(cwd, folder), program))
        .find(canStart);

/** Why there is no such file, in words that follow a colon; "" when there is one. */
export const whyNoProgram = (program: string, cwd: string, path?: string): string => {
  if (programPath(program, cwd, path) !== undefined) return "";
  if (!program.includes("/")) return "no folder of the PATH has it";
  const file = resolve(cwd, program);
  const isFile = isFileAt(file);
  if (isFile === undefined) return "it is not there";
  if (!isFile) return "it is no file";
  if (!isProgram(file)) return "it is not executable (chmod +x)";
  return `its first line names ${interpreterOf(file)}, which cannot be started`;
};

/** Undefined where nothing is to be reached. */
const isFileAt = (file: string): boolean | undefined => {
  try {
    return statSync(file).isFile();
  } catch {
    return undefined;
  }
};

const canStart = (file: string): boolean => {
  if (!isProgram(file)) return false;
  const interpreter = interpreterOf(file);
  return interpreter === undefined || isProgram(interpreter);
};

const interpreterOf = (file: string): string | undefined =>
  /^#![ \t]*([^ \t\n]+)/.exec(firstBytes(file))?.[1];

const isProgram = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
};

/** A program need not be readable. */
const firstBytes = (file: string): string => {
  const bytes = Buffer.alloc(FIRST_LINE_BYTES);
  let handle: number | undefined;
  try {
    handle = openSync(file, "r");
    return bytes.toString("latin1", 0, readSync(handle, bytes));
  } catch {
    return "";
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
};
