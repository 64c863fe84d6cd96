import type { OrchestratorApprovalSpec } from "../src/core/spec.js";
import { failed } from "./judgement.js";
import type { Validator } from "./room.js";

// Nothing in a room can stand in for the person who has to look; the engine passes an approved step itself.
export const orchestratorApproval: Validator<OrchestratorApprovalSpec> = async () =>
  failed("awaiting_approval", "The orchestrator has not approved this step yet.", {
    hint: "Call run_approve_step once the work has been looked at.",
  });
