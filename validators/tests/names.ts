import { andMore } from "../../src/core/and-more.js";
import { PATHS_LISTED } from "../../src/core/limits.js";
import type { Judgement, NamedTests, VerdictReason } from "../../src/core/verdict.js";
import { failed } from "../judgement.js";

/** A failed judgement that names tests: the first in its message, more of them in `missing`. */
export const naming = (
  reason: VerdictReason,
  what: string,
  ids: readonly string[],
  evidence: Partial<Judgement>,
): Judgement => failed(reason, `${what}: ${listed(ids)}.`, { ...evidence, missing: [...named(ids).names] });

export const named = (ids: readonly string[]): NamedTests => ({
  count: ids.length,
  names: ids.slice(0, PATHS_LISTED).map(shortened),
});

/** A message stays a sentence; the rest is in `missing` or in the tail. */
const NAMES_SAID = 5;

export const listed = (ids: readonly string[]): string =>
  andMore(ids.slice(0, NAMES_SAID).map(shortened), ids.length);

export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** The name of a test may carry all its parameters. */
const NAME_CHARS = 300;

const shortened = (id: string): string =>
  id.length <= NAME_CHARS ? id : `${id.slice(0, NAME_CHARS).replace(/[\uD800-\uDBFF]$/, "")}…`;
