import picomatch from "picomatch";
import { Toolchain } from "../src/core/spec.js";
import type { Judgement } from "../src/core/verdict.js";
import { errored, failed } from "./judgement.js";
import type { Room } from "./room.js";
import type { ToolchainAdapter } from "./toolchains/command.js";
import { go } from "./toolchains/go.js";
import { java } from "./toolchains/java.js";
import { node } from "./toolchains/node.js";
import { python } from "./toolchains/python.js";
import { rust } from "./toolchains/rust.js";

/**
 * Of several toolchains in one tree the first of this order is taken. Compiled languages come first because their
 * projects often carry a package.json or Python scripts on the side, hardly ever the other way round.
 */
export const toolchains: Readonly<Record<Toolchain, ToolchainAdapter>> = { go, rust, java, node, python };

// A proposal that removes its own project file has failed; a project that never had one needs another validator.
export const toolchainOf = async (
  forced: Toolchain | undefined,
  room: Room,
): Promise<Toolchain | Judgement> => {
  const found = forced ?? (await detectToolchain(room));
  if (found !== undefined) return found;
  const base = await room.atBase();
  const before = base === undefined ? undefined : await detectToolchain(base);
  if (before !== undefined) {
    const message = `At the base this is a ${before} project, now its project file is gone.`;
    return failed("check_failed", message, { missing: [...toolchains[before].marks] });
  }
  const looked = Object.values(toolchains).flatMap(({ marks }) => marks);
  return errored(
    "toolchain_unknown",
    `The root of the tree shows no toolchain (looked for ${looked.join(", ")}).`,
    `Use command_pass with the project's own command, or set params.toolchain (${Toolchain.options.join(", ")}).`,
  );
};

/** By the names in the root of a tree and in its test folders. */
export const detectToolchain = async (room: Pick<Room, "list">): Promise<Toolchain | undefined> => {
  const below = async (folder: string) => (await room.list(folder)).map((name) => `${folder}/${name}`);
  const names = [...(await room.list(".")), ...(await below("test")), ...(await below("tests"))];
  const order = Object.keys(toolchains) as Toolchain[];
  return order.find((toolchain) => {
    const isMark = picomatch([...toolchains[toolchain].marks]);
    return names.some((name) => isMark(name));
  });
};
