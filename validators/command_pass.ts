import type { CommandPassSpec } from "../src/core/spec.js";
import { fromExecution } from "./judgement.js";
import type { Validator } from "./room.js";

// The way out for whatever the other judges do not know; its string is the plan's, never an agent's.
export const commandPass: Validator<CommandPassSpec> = async ({ target, params }, room) =>
  fromExecution(await room.exec(["sh", "-c", target]), "sh", params.expectedExitCode);
