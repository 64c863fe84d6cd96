import { randomUUID } from "node:crypto";
import { lstat, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { ownerIsDead } from "../ledger/owner.js";
import type { Place, Places } from "./places.js";

/** A file that is not whole yet, beside where it will be. */
export type Draft = {
  readonly path: string;
  /** It has its final name, or is removed. */
  readonly forget: () => Promise<void>;
};

/** Known before it is made: what a killed export leaves behind has the key of its run in it. */
export const registerDraft = async (places: Places, runId: string, folder: string): Promise<Draft> => {
  const id = randomUUID();
  const path = join(resolve(folder), nameOf(id));
  await places.register({ id, kind: "draft", path, runId });
  return { path, forget: () => places.remove(id) };
};

const nameOf = (id: string): string => `.runledger-${id}.unfinished`;

/** Those whose process is gone. */
export const leftDrafts = async (places: Places): Promise<readonly Place[]> =>
  (await places.list()).filter(({ kind, owner }) => kind === "draft" && ownerIsDead(owner));

/** False where that cannot be, now or ever: the register is a file that others may have written to. */
export const removeDraft = async (places: Places, { id, path }: Place): Promise<boolean> => {
  if (path === null || basename(path) !== nameOf(id)) return false;
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return false;
  const isGone = await rm(path, { force: true }).then(
    () => true,
    () => false,
  );
  if (isGone) await places.remove(id);
  return isGone;
};
