import { lstat, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { Redactor } from "../core/redact.js";
import type { Git } from "./git.js";
import type { TreeEntry } from "./objects.js";
import { bytesOf, type RawPath, shown } from "./untrusted.js";

/** Throws `workspace_unfit` when a file's name or its bytes hold the value of a secret variable. */
export type RefuseSecrets = (path: RawPath, bytes: Buffer) => Promise<void>;

/**
 * What is captured stays in the store for good, so no secret may come into it. One that the base has in the same file was
 * published by the user and is there already: work on that file goes on. What only looks like a token is none here:
 * fixtures of tests are full of them.
 */
export const refusingSecrets = (
  store: Git,
  base: readonly TreeEntry[],
  redactor: Redactor,
): RefuseSecrets => {
  const oids = new Map(base.map(({ path, oid }) => [path, oid]));
  return async (path, bytes) => {
    const found = [...redactor.valuesIn(bytesOf(path)), ...redactor.valuesIn(bytes)];
    if (found.length === 0) return;
    const oid = oids.get(shown(path));
    const known = oid === undefined ? [] : redactor.valuesIn(await store.runBytes(["cat-file", "blob", oid]));
    // A name that is there is there.
    if (oid !== undefined) known.push(...redactor.valuesIn(bytesOf(path)));
    const fresh = found.find((name) => !known.includes(name));
    if (fresh !== undefined) throw secretIn(redactor.text(shown(path)), fresh);
  };
};

/** The same for changes that the user has not committed. */
export const refuseSecretChanges = async (
  folder: string,
  paths: readonly string[],
  redactor: Redactor,
): Promise<void> => {
  for (const path of paths) {
    const bytes = [Buffer.from(path), await bytesAt(join(folder, path))];
    const [name] = bytes.flatMap((one) => redactor.valuesIn(one));
    if (name !== undefined) throw secretIn(redactor.text(path), name);
  }
};

const bytesAt = async (file: string): Promise<Buffer> => {
  const facts = await lstat(file).catch(() => undefined);
  if (facts?.isSymbolicLink()) return readlink(file, "buffer");
  return facts?.isFile() ? readFile(file) : Buffer.alloc(0);
};

const secretIn = (path: string, name: string): LedgerError => {
  const reason = `holds the value of ${name}, which must not be stored`;
  return new LedgerError(
    "workspace_unfit",
    `What is there cannot be captured: ${JSON.stringify(path)} ${reason}.`,
    {
      hint: `Read ${name} from the environment instead. If it is no secret, name it in secrets.except.`,
      details: { path, reason, variable: name },
    },
  );
};
