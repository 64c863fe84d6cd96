import type { ValidatorSpec, ValidatorType } from "../src/core/spec.js";
import { artifactExists } from "./artifact_exists.js";
import { buildPass } from "./build_pass.js";
import { commandPass } from "./command_pass.js";
import { fileChanged } from "./file_changed.js";
import { orchestratorApproval } from "./orchestrator_approval.js";
import type { Finding, Room, Validator } from "./room.js";
import { testPass } from "./test_pass.js";

type Validators = { readonly [T in ValidatorType]: Validator<Extract<ValidatorSpec, { type: T }>> };

/** The judges by their wire names: closed, total, and nobody can bring another. */
export const validators: Validators = {
  build_pass: buildPass,
  test_pass: testPass,
  file_changed: fileChanged,
  artifact_exists: artifactExists,
  command_pass: commandPass,
  orchestrator_approval: orchestratorApproval,
};

// The only door into this floor: whoever has a spec and a room gets a judgement.
export const judge = (spec: ValidatorSpec, room: Room): Promise<Finding> => {
  // The table pairs each name with its own spec, which TypeScript cannot follow through an index.
  const validator = validators[spec.type] as Validator<ValidatorSpec>;
  return validator(spec, room);
};
