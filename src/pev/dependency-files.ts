import picomatch from "picomatch";

/*
 * The files that decide what is installed, and the packages that stand in the tree itself. Whoever changes one of them brings
 * another assertion library along, so they are protected; trees that are alike in them are set up alike.
 */

/** Exactly what is installed, as package managers write it down by themselves. */
const LOCKFILES =
  "**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lockb,bun.lock,deno.lock,uv.lock,poetry.lock,pdm.lock,Pipfile.lock,pylock.toml,pylock.*.toml,Cargo.lock,go.sum,go.work.sum,Gemfile.lock,composer.lock}";

/** The same, as people write it down. */
const REQUIREMENTS = ["**/{,*[._-]}requirements*.{txt,in}", "**/requirements/**/*.{txt,in}"];

/** What is asked for, and how it is fetched. Of package.json only some keys are, see package-keys.ts. */
const MANIFESTS = [
  "**/{.npmrc,.yarnrc,.yarnrc.yml,.pnp.*,.pnpmfile.*,pnpm-workspace.yaml,bunfig.toml}",
  "**/.yarn/{releases,plugins}/**",
  "**/{pyproject.toml,setup.py,setup.cfg,Pipfile}",
  "**/{,*[._-]}constraints*.txt",
  "**/{Cargo.toml,.cargo/**}",
  "**/{go.mod,go.work}",
  "**/{Gemfile,.bundle/config,composer.json}",
  "**/{.nvmrc,.node-version,.python-version,.tool-versions,.mise.toml,mise.toml}",
];

/** What package managers put over a package once it is there: patch-package, pnpm, Yarn. */
const PATCHES = "**/{patches/**/*.patch,.yarn/patches/**}";

/** Where runtimes find packages that are in the tree. */
const INSTALLED = [
  "**/{node_modules,.venv,venv,site-packages}/**",
  "**/.yarn/{cache,unplugged}/**",
  "**/vendor/{bundle/ruby/**,cache/*.gem}",
  // These say that the folder around them holds packages, see vendoredIn.
  "**/{vendor/modules.txt,vendor/composer/installed.json,.cargo-checksum.json}",
];

/** Nobody adds or changes any of these without leave. */
export const DEPENDENCY_GLOBS: readonly string[] = [
  LOCKFILES,
  ...REQUIREMENTS,
  ...MANIFESTS,
  PATCHES,
  ...INSTALLED,
];

const matching = (globs: string | readonly string[]): ((path: string) => boolean) => {
  const matches = picomatch(typeof globs === "string" ? globs : [...globs], { dot: true });
  return (path) => matches(path);
};

/** Package managers bring these up to date by themselves, and they decide no test. */
export const isLockfile = matching(LOCKFILES);

/** Says which packages are installed; without one nobody knows. */
export const pinsPackages = matching([LOCKFILES, ...REQUIREMENTS]);

/** What set-up goes by when it installs. */
export const decidesInstall = matching([
  LOCKFILES,
  ...REQUIREMENTS,
  ...MANIFESTS,
  PATCHES,
  "**/package.json",
  "**/.yarn/{cache,unplugged}/**",
]);

export const isInstalled = matching(INSTALLED);

/** "vendor" is an ordinary name; a folder holds packages when a package manager says so in it. Go, Composer and Cargo. */
const VENDORED =
  /^(.*\/)?(?:vendor\/(?=modules\.txt$|composer\/installed\.json$)|(?=\.cargo-checksum\.json$))/;

/** Tells what is a file of packages that lie in the tree, by all paths of that tree. They are folded alike. */
export const vendoredIn = (paths: readonly string[]): ((path: string) => boolean) => {
  const folders = new Set(paths.flatMap((path) => VENDORED.exec(path)?.[0] ?? []));
  if (folders.size === 0) return () => false;
  return (path) => {
    for (let end = path.lastIndexOf("/"); end >= 0; end = path.lastIndexOf("/", end - 1))
      if (folders.has(path.slice(0, end + 1))) return true;
    return false;
  };
};
