import { expect } from "vitest";
import { checkProtection, type ProtectInput } from "../../src/pev/protect.js";
import type { ChangedFile } from "../../validators/room.js";

export type Texts = Partial<Record<"before" | "after", string>>;
export type Over = Partial<Pick<ProtectInput, "validators" | "base">> & {
  protect?: string[];
  may?: string[];
  only?: boolean;
  texts?: Texts;
};

export const check = async (changed: readonly ChangedFile[], over: Over = {}) => {
  const found = await checkProtection({
    changed,
    step: { mayChange: { paths: over.may ?? [], only: over.only ?? false } },
    protect: { plan: over.protect ?? [], settings: [] },
    validators: over.validators ?? [],
    base: over.base ?? [],
    read: async (side) => over.texts?.[side],
  });
  return { ...found, protectedPaths: found.violations.map(({ path }) => path) };
};

const changes = (path: string) =>
  ({
    added: { path, change: "added" },
    modified: { path, change: "modified" },
    deleted: { path, change: "deleted" },
    "renamed away": { path: "src/other.txt", change: "renamed", from: path },
    "renamed here": { path, change: "renamed", from: "src/other.txt" },
  }) as const satisfies Record<string, ChangedFile>;
type Kind = keyof ReturnType<typeof changes>;
export const KINDS: readonly Kind[] = ["added", "modified", "deleted", "renamed away", "renamed here"];

/** The kinds of change to this path that are refused. */
export const refusedKinds = async (path: string, over: Over = {}): Promise<Kind[]> => {
  const refused: Kind[] = [];
  for (const kind of KINDS) {
    const { protectedPaths } = await check([changes(path)[kind]], over);
    expect([[], [path]]).toContainEqual(protectedPaths);
    if (protectedPaths.length > 0) refused.push(kind);
  }
  return refused;
};
