import { statSync } from "node:fs";
import { loadDriver, openFile } from "./sqlite-driver.js";

/** Whether a ledger is as it was: for those who remember what they were told of it. */
export interface FileVersion {
  /** Another text after each change, whoever made it; asked for a few microseconds. Undefined where it cannot be told. */
  now(): string | undefined;
  close(): void;
}

/**
 * SQLite counts the changes that others commit, and sees each as soon as it is acknowledged. Beside the file lies the key that tokens are
 * made from, where no key is in the file itself.
 */
export const fileVersion = async (file: string, keyFile: string): Promise<FileVersion> => {
  const driver = await loadDriver();
  const sqlite = openFile(driver, file, { readonly: true, fileMustExist: true, timeout: 0 });
  const changes = sqlite.prepare("PRAGMA data_version").pluck();
  return {
    now: () => {
      try {
        return `${changes.get()} ${keyVersion(keyFile)}`;
      } catch {
        // Somebody is at a place of it that nobody can look at now.
        return undefined;
      }
    },
    close: () => void sqlite.close(),
  };
};

const keyVersion = (file: string): string => {
  const facts = statSync(file, { throwIfNoEntry: false });
  return facts === undefined ? "none" : `${facts.ino} ${facts.size} ${facts.mtimeMs} ${facts.ctimeMs}`;
};
