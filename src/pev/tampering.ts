import type { Finding } from "../../validators/room.js";
import { firstAndMore } from "../core/and-more.js";
import { PATHS_LISTED } from "../core/limits.js";
import type { ValidatorSpec } from "../core/spec.js";
import { isLockfile } from "./dependency-files.js";
import type { OwnedRoom } from "./room-frame.js";

/** Builds and commands of a plan may well generate or format what is tracked. */
export const holdsToTheTree = ({ type }: ValidatorSpec): boolean => type === "test_pass";

// One test may rewrite another, or what it tests, on disk: a pass holds only for the files that were proposed.
export const refuseTampering = async (
  validator: ValidatorSpec,
  room: OwnedRoom,
  finding: Finding,
): Promise<Finding> => {
  if (!holdsToTheTree(validator) || finding.outcome !== "passed") return finding;
  const written = (await room.changedWhileJudged()).filter((path) => !isLockfile(path));
  if (written.length === 0) return finding;
  const missing = written.slice(0, PATHS_LISTED);
  return {
    ...finding,
    outcome: "failed",
    reason: "tampered",
    message: `Tracked files were written while the tests ran: ${firstAndMore(written)}. What passed is not what was proposed.`,
    hint: "Let tests write into temporary or ignored files, and commit what they generate.",
    missing,
  };
};
