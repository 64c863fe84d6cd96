/** The same on every Linux; a shell because nothing smaller can do something first and then become the program. */
export const SHELL = "/bin/sh";

/** Shells add these of their own accord. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL", "_"];

/** Who cannot enter must not run. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || kill -KILL $$; shift; done; shift';

/** The command that enters the groups behind these doors and then becomes `argv`, with nothing but `env` around it. */
export const throughDoors = (
  doors: readonly string[],
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] => [SHELL, "-c", `${ENTER}; ${becoming(argv, env)}`, SHELL, ...doors, "--", ...argv];

/** The end of a shell script whose words are `argv` by then. */
export const becoming = (argv: readonly string[], env: Readonly<Record<string, string>>): string => {
  const added = SHELL_VARIABLES.filter((name) => env[name] === undefined);
  // What `env` starts cannot have such a name: it would be taken for a variable.
  return argv[0]?.includes("=")
    ? `unset ${added.join(" ")}; exec "$@"`
    : `exec /usr/bin/env ${added.map((name) => `-u ${name}`).join(" ")} "$@"`;
};
