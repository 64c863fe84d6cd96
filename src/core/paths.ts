import type * as z from "zod";
import { globProblem } from "./globs.js";
import * as limit from "./limits.js";
import { textUpTo } from "./wire.js";

/** A path inside the project. */
export const ProjectPath = textUpTo(limit.TARGET_CHARS).superRefine((path, context) =>
  tell(context, notNegated(path) ?? problemOf(path)),
);

/** A glob over paths of the project. */
export const ProjectGlob = ProjectPath.superRefine((glob, context) => tell(context, globProblem(glob)));

/** `package.json#dependencies`: a glob for files of that name, and one of their keys. */
export const PACKAGE_KEY = /^((?:.*\/)?package\.json)#([\w@./-]+)$/;

/** A glob, or one key of a package.json. Of other files of that kind nobody could tell which key a change is about. */
export const MayChangeEntry = ProjectGlob.superRefine((entry, context) => {
  const isOfFile = MANIFEST_KEY.test(entry) && !PACKAGE_KEY.test(entry);
  tell(context, isOfFile ? `"package.json#KEY", or the whole file` : undefined);
});

const MANIFEST_KEY = /\.(json|toml|mod|xml|cfg|lock|ya?ml|txt)#[^/]*$/i;

/** What a toolchain is told to build or test; empty means its default. */
export const Selector = textUpTo(limit.TARGET_CHARS).superRefine((path, context) =>
  tell(context, path === "" ? undefined : (notNegated(path) ?? problemOf(path))),
);

/** A glob over changed paths; a leading `!` turns it round. */
export const ChangedGlob = textUpTo(limit.TARGET_CHARS).superRefine((text, context) => {
  const glob = text.replace(/^!+/, "");
  tell(context, problemOf(glob) ?? globProblem(glob));
});

const notNegated = (path: string): string | undefined =>
  path.startsWith("!") ? `no leading "!"` : undefined;

/** What a program gets as an argument must neither leave the tree it works in nor be taken for a flag. */
const problemOf = (path: string): string | undefined =>
  RULES.find(({ broken }) => broken.test(path))?.expected;

/** What no path of a project matches, for programs that check it without us; a leading "!" is for changed paths alone. */
export const refusedInPaths = (): readonly RegExp[] => [/^!/, ...RULES.map(({ broken }) => broken)];

const RULES: readonly { readonly broken: RegExp; readonly expected: string }[] = [
  { broken: /^\s*$/, expected: "text that is not blank" },
  { broken: /^\s*-/, expected: `no leading "-", which a program takes for a flag` },
  { broken: /^\//, expected: "a path relative to the project" },
  { broken: /^~(\/|$)/, expected: "a path relative to the project" },
  // `a::b` selects a test in Rust; `a:b` would be a file on drive a.
  { broken: /^[A-Za-z]:(?!:)/, expected: "a path relative to the project" },
  { broken: /\\/, expected: "forward slashes" },
  { broken: /(^|\/)\.\.(\/|$)/, expected: `no ".." segment` },
];

const tell = (context: z.core.$RefinementCtx, message: string | undefined): void => {
  if (message !== undefined) context.addIssue({ code: "custom", message });
};
