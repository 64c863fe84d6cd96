import { createRequire } from "node:module";
import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { packageVersion } from "./package-folder.js";

/** Loads better-sqlite3 late: on a Node it was not built for, merely importing it may end the process. */
export const loadDriver = async (): Promise<typeof Database> => {
  refuseUnfitVersion();
  try {
    return (await import("better-sqlite3")).default;
  } catch (error) {
    throw inWords(error);
  }
};

/** The driver looks for its native part when the first file is opened, not when it is imported. */
export const openFile = (
  driver: typeof Database,
  file: string,
  options: Database.Options,
): Database.Database => {
  try {
    return new driver(file, options);
  } catch (error) {
    throw inWords(error);
  }
};

/** From this version on the driver is built for this Node and newer ones only. */
const DRIVER_MAJOR_FOR_NEW_NODE = 13;
const NODE_MAJOR_IT_NEEDS = 22;

const refuseUnfitVersion = (): void => {
  const version = packageVersion("better-sqlite3", driverFile());
  const node = process.versions.node;
  if (major(node) >= NODE_MAJOR_IT_NEEDS || major(version) < DRIVER_MAJOR_FOR_NEW_NODE) return;
  throw new LedgerError("store_unavailable", `better-sqlite3 ${version} does not run on Node ${node}.`, {
    hint: `Run "npm install better-sqlite3@12", or use Node ${NODE_MAJOR_IT_NEEDS} or newer.`,
    details: { node, driver: version },
  });
};

const driverFile = (): string => {
  try {
    return createRequire(import.meta.url).resolve("better-sqlite3");
  } catch (cause) {
    throw new LedgerError("store_unavailable", "better-sqlite3 is not installed.", {
      hint: 'Run "npm install".',
      cause,
    });
  }
};

const major = (version: string): number => Number.parseInt(version, 10);

const inWords = (error: unknown): unknown => {
  const message = error instanceof Error ? error.message : "";
  const notBuilt = message.includes("Could not locate the bindings file");
  const builtForAnother = message.includes("NODE_MODULE_VERSION");
  if (!notBuilt && !builtForAnother) return error;
  return new LedgerError("store_unavailable", "The native part of better-sqlite3 does not fit this Node.", {
    hint: 'Run "npm rebuild better-sqlite3".',
    cause: error,
  });
};
