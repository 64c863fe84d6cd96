import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach } from "vitest";
import { isLedgerError, type LedgerError } from "../../src/core/errors.js";

const made: string[] = [];

/** Removes what `newFolder` made, after each test of the file that calls this. */
export const removeFoldersAfterEach = (): void => {
  afterEach(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
};

export const newFolder = async (): Promise<string> => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "settings-")));
  made.push(folder);
  return folder;
};

export const put = async (file: string, text: string | Uint8Array): Promise<string> => {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};

export const refusalOf = async (promise: Promise<unknown>): Promise<LedgerError> => {
  try {
    await promise;
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
};
