import { globMatcher } from "../core/globs.js";
import { PACKAGE_KEY } from "../core/paths.js";
import { isWithin } from "../core/within.js";
import { folded } from "./protected-paths.js";

/** What a step may change although it is protected. */
export type Leave = {
  /** The whole file. */
  readonly allows: (path: string) => boolean;
  /** Keys of a package.json, named as `package.json#dependencies`. */
  readonly keysOf: (path: string) => ReadonlySet<string>;
};

export const leaveOf = (mayChange: readonly string[]): Leave => {
  const keys = mayChange.flatMap((entry) => {
    const [, glob, key] = PACKAGE_KEY.exec(entry) ?? [];
    return glob === undefined || key === undefined ? [] : [{ allows: matcher([glob]), key }];
  });
  return {
    allows: matcher(mayChange.filter((entry) => !PACKAGE_KEY.test(entry))),
    keysOf: (path) => new Set(keys.flatMap(({ allows, key }) => (allows(path) ? [key] : []))),
  };
};

/** A path named outright means itself and all below it: whoever protects `docs` does not mean an empty name. */
export const matcher = (globs: readonly string[]): ((path: string) => boolean) => {
  if (globs.length === 0) return () => false;
  const named = globs.map((glob) => folded(glob.replace(/^(\.\/)+|\/+$/g, "")));
  const matches = globs.map((glob) => globMatcher(glob.normalize("NFC"), { nocase: true }));
  return (path) => {
    const name = folded(path);
    return (
      matches.some((isMatch) => isMatch(path) || isMatch(name)) || named.some((one) => isWithin(name, one))
    );
  };
};
