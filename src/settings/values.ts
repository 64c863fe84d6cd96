import * as z from "zod";
import { GLOB_CHARS, refusedInGlobs } from "../core/globs.js";
import { HOST_RULE, HOST_RULE_CHARS, readHostRule } from "../core/hosts.js";
import * as limit from "../core/limits.js";
import { isReservedName, ORCHESTRATOR_NAMES } from "../core/names.js";
import { ProjectGlob, ProjectPath, refusedInPaths } from "../core/paths.js";
import { ID, ID_WORDS, isId, listOf, textUpTo } from "../core/wire.js";
import { type About, jsonSchemaOf, list, listWords, matchingNone, portable, withWords } from "./kinds.js";

/** Agents, words of a command and names: more than any project has, less than hurts. */
export const ENTRIES_MAX = 200;

export const Word = withWords(textUpTo(limit.TARGET_CHARS), () => ({
  maxLength: limit.TARGET_CHARS,
  not: { pattern: "\\x00" },
}));
export const Argv = withWords(
  listOf(Word, ENTRIES_MAX, 1).refine(
    ([program]) => program?.trim() !== "",
    "a command whose first word is a program",
  ),
  () => ({ ...listWords(Word, ENTRIES_MAX, 1), allOf: [{ items: [{ pattern: "\\S" }] }] }),
);
export const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, "the name of an environment variable");
export const variableNames = (about: About) => list("words", about, VariableName, ENTRIES_MAX).default([]);

const OWN_FOLDERS = /^(?:\.?\/)*(?:\.|\.git|\.runledger)?(?:\/|$)/i;
export const SharedPath = withWords(
  ProjectPath.refine(
    (path) => !OWN_FOLDERS.test(path),
    "a path below the project, outside .git and .runledger",
  ),
  () => ({ maxLength: limit.TARGET_CHARS, ...matchingNone([...refusedInPaths(), OWN_FOLDERS]) }),
);
/** Folders of the machine, not of the project: no `..` that leads elsewhere. */
const VISIBLE = /^\/(?:(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/|$))+$/;
export const VisiblePath = withWords(
  textUpTo(limit.TARGET_CHARS).refine(
    (path) => VISIBLE.test(path),
    "an absolute path other than /, without ..",
  ),
  () => ({ maxLength: limit.TARGET_CHARS, pattern: VISIBLE.source }),
);

export const Glob = withWords(ProjectGlob, () => ({
  maxLength: GLOB_CHARS,
  ...matchingNone([...refusedInPaths(), ...refusedInGlobs]),
}));

export const ReachableHost = withWords(
  z
    .string()
    .refine(
      (text) => text.length <= HOST_RULE_CHARS && readHostRule(text) !== undefined,
      `a host such as "example.com", "*.example.com" or "example.com:8443"`,
    ),
  () => ({ maxLength: HOST_RULE_CHARS, pattern: HOST_RULE.source }),
);

export const AgentName = withWords(
  z
    .string()
    .refine((name) => !isReservedName(name), "a name that is not reserved")
    .refine(isId, ID_WORDS),
  () => ({
    maxLength: limit.ID_CHARS,
    pattern: ID.source,
    not: { pattern: portable(new RegExp(`^(?:${ORCHESTRATOR_NAMES.join("|")})$`, "i")) },
  }),
);

/** Who does something that may be left undone; "" for nobody. */
export const AgentNameOrNone = withWords(z.union([z.literal(""), AgentName]), () => ({
  anyOf: [{ const: "" }, jsonSchemaOf(AgentName)],
}));
