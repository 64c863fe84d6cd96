import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type Env = Readonly<Record<string, string>>;
/** Keys of an entry of this program, beside those that `mcp install` wrote. */
export type EntryKeys = Readonly<Record<string, unknown>>;
/** A project, and where its place keeps what belongs to no project. */
export type Ground = { readonly repo: string; readonly at: (name: string) => string };

/** One conversation: who it is with, what it is told, and keys of the server's entry. */
export type Talk = {
  readonly server: string;
  /** Entries of other roles. */
  readonly others: readonly string[];
  readonly prompt: string;
  readonly keys: EntryKeys;
};

/** An agent program of somebody else: how it is started here, asks the model of the test, and names what it offers. */
export type Program = {
  /** What lies on the disk when it is installed. */
  readonly file: string;
  /** What starts it as an agent. */
  readonly start: (ground: Ground) => readonly string[];
  /** What it needs of its environment to ask that model, beside `HOME`. */
  readonly env: (modelUrl: string, ground: Ground) => Env;
  /** Files that it reads for the same: path → text. */
  readonly files: (modelUrl: string, ground: Ground) => Readonly<Record<string, string>>;
  /** Where `mcp install` writes so that it is read without a question. */
  readonly scope: "project" | "user";
  /** How the model calls a tool of a server, and a command. */
  readonly tool: (server: string, tool: string) => string;
  readonly shell: (command: string) => readonly [name: string, input: unknown];
  readonly talk: (
    talk: Talk,
    env: Env,
    ground: Ground,
  ) => { readonly argv: readonly string[]; readonly env: Env };
};

/** Installed without their scripts, so the native one is started where a package has one. */
export const installed = (path: string): string =>
  fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));

/** Why it cannot be driven here; empty when it can. */
export const lackOf = ({ file }: Program): string =>
  existsSync(file) ? "" : "not installed: npm install --prefix test/clients --ignore-scripts";
