import type { BuildPassSpec } from "../src/core/spec.js";
import { fromExecution } from "./judgement.js";
import type { Validator } from "./room.js";
import { toolchainOf, toolchains } from "./toolchains.js";

// The build of whatever toolchain the tree is made with, so that a plan need not know its command.
export const buildPass: Validator<BuildPassSpec> = async ({ target, params }, room) => {
  const toolchain = await toolchainOf(params.toolchain, room);
  if (typeof toolchain !== "string") return toolchain;
  const command = await toolchains[toolchain].build(target, room);
  if ("outcome" in command) return command;
  return fromExecution(await room.exec(command.argv, { env: command.env ?? {} }), command.program);
};
