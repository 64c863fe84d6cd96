/** The same on every Linux; a shell because nothing smaller can enter a group before it becomes the program. */
const SHELL = "/bin/sh";

/** Shells add these of their own accord. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL", "_"];

/** Who cannot enter must not run. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || kill -KILL $$; shift; done; shift';

/** The command that enters the groups behind these doors and then becomes `argv`, with nothing but `env` around it. */
export const throughDoors = (
  doors: readonly string[],
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] => {
  const added = SHELL_VARIABLES.filter((name) => env[name] === undefined);
  // What `env` starts cannot have such a name: it would be taken for a variable.
  const clean = argv[0]?.includes("=")
    ? `unset ${added.join(" ")}; exec`
    : `exec /usr/bin/env ${added.map((name) => `-u ${name}`).join(" ")}`;
  return [SHELL, "-c", `${ENTER}; ${clean} "$@"`, SHELL, ...doors, "--", ...argv];
};
