import { chmod, mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Scene } from "../../helpers/suspects.js";

/** Work of somebody who means well, as data. All paths are the project's. */
export type HonestChange = {
  /** Unique within its project; ends the sentence "an honest agent …". */
  readonly does: string;
  /** Texts by path; one that begins with "#!" becomes executable. */
  readonly write?: Readonly<Record<string, string>>;
  readonly edit?: Readonly<Record<string, readonly [from: string | RegExp, to: string]>>;
  readonly remove?: readonly string[];
  readonly move?: Readonly<Record<string, string>>;
  readonly link?: Readonly<Record<string, string>>;
  readonly executable?: readonly string[];
  /** Empty bytes, so many of them, by path. */
  readonly bytes?: Readonly<Record<string, number>>;
  /** What takes more than files. */
  readonly also?: (scene: Scene) => unknown;
  /** The repair of the project's bug is not part of it; then another judge must let it pass. */
  readonly unrepaired?: true;
  /** Keys of the step and of the plan in their wire form. */
  readonly step?: Readonly<Record<string, unknown>>;
  readonly plan?: Readonly<Record<string, unknown>>;
  /** A false refusal that is known: the verdict's reason, and why it is lived with. */
  readonly refused?: { readonly as: string; readonly because: string };
};

export type HonestProject = {
  readonly name: string;
  readonly language: "node" | "python" | "go" | "rust" | "java";
  /** Programs without which it is skipped. */
  readonly programs: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** Files as they are once the bug is gone, for which a test of the base fails; empty where all is well. */
  readonly repair: Readonly<Record<string, string>>;
  readonly changes: readonly HonestChange[];
};

/** Everything a change says, in this order: removed, moved, written, edited, linked, and then the rest. */
export const carryOut = async (
  change: HonestChange,
  repair: HonestProject["repair"],
  scene: Scene,
): Promise<void> => {
  const at = (path: string): string => join(scene.workspace, path);
  const within = (path: string) => mkdir(dirname(at(path)), { recursive: true });
  if (change.unrepaired === undefined) await scene.write(repair);
  for (const path of change.remove ?? []) await rm(at(path), { recursive: true });
  for (const [from, to] of Object.entries(change.move ?? {})) {
    await within(to);
    await rename(at(from), at(to));
  }
  await scene.write(change.write ?? {});
  for (const [path, [from, to]] of Object.entries(change.edit ?? {})) await edit(scene, path, from, to);
  for (const [path, target] of Object.entries(change.link ?? {})) {
    await within(path);
    await symlink(target, at(path));
  }
  for (const path of change.executable ?? []) await chmod(at(path), 0o755);
  for (const [path, bytes] of Object.entries(change.bytes ?? {})) {
    await within(path);
    await writeFile(at(path), "");
    await truncate(at(path), bytes);
  }
  await change.also?.(scene);
};

const edit = async (scene: Scene, path: string, from: string | RegExp, to: string): Promise<void> => {
  const before = await scene.read(path);
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${path} holds no ${from}`);
  await scene.write({ [path]: after });
};
