import { globMatcher } from "../src/core/globs.js";
import type { FileChangedSpec } from "../src/core/spec.js";
import { failed, passed } from "./judgement.js";
import type { ChangedFile, Validator } from "./room.js";

// Changed means different from the base of this very step: edits that were there before prove nothing.
export const fileChanged: Validator<FileChangedSpec> = async ({ target }, room) => {
  const changed = await room.changedFiles();
  if (changed.length === 0) {
    return failed("nothing_changed", "Nothing differs from the base.", { missing: [target] });
  }
  const matches = changedMatcher(target);
  const matched = changed.filter((file) => pathsOf(file).some(matches));
  const share = `${matched.length} of ${changed.length} changed ${changed.length === 1 ? "path" : "paths"}`;
  if (matched.length > 0) return passed(`${share} match "${target}".`);
  return failed("no_match", `${share} match "${target}".`, { missing: [target] });
};

const pathsOf = ({ path, from }: ChangedFile): readonly string[] =>
  from === undefined ? [path] : [path, from];

/** A leading `!` turns it round. A path named outright counts even if it looks like a glob (`app/[id]/page.tsx`), and so does all below a folder. */
export const changedMatcher = (target: string): ((path: string) => boolean) => {
  const [marks = ""] = /^!*/.exec(target) ?? [];
  const turned = marks.length % 2 === 1;
  const literal = target
    .slice(marks.length)
    .replace(/^(\.\/)+/, "")
    .replace(/\/+$/, "");
  const isMatch = globMatcher(literal);
  return (path) => (path === literal || path.startsWith(`${literal}/`) || isMatch(path)) !== turned;
};
