import * as z from "zod";
import { ID_CHARS } from "../core/limits.js";
import { closed, ID, ID_WORDS, isId } from "../core/wire.js";
import { described, withWords } from "./kinds.js";
import { SharedPath } from "./values.js";

/** "" where nobody said where this is. */
const Environment = withWords(
  z.string().refine((name) => name === "" || isId(name), ID_WORDS),
  () => ({ maxLength: ID_CHARS, pattern: `^$|${ID.source}` }),
);

export const GateKeys = closed({
  environment: described(
    "text",
    {
      title: "Environment",
      description:
        "Where this is, such as production: policies may have rules of their own for it. No proposer can choose it.",
    },
    Environment.default(""),
  ),
  policies: described(
    "text",
    {
      title: "Gate policies",
      description:
        "The folder with the policies that intents are decided by, from the project's folder; one YAML file each.",
    },
    SharedPath.default("gate-policies"),
  ),
});

/** What decides on intents. */
export type GateSettings = Readonly<z.output<typeof GateKeys>>;
