import { createRedactor } from "../../src/core/redact.js";

/** For those who store and print nothing that must be hidden. */
export const NO_SECRETS = createRedactor([]);
